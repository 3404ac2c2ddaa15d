#!/usr/bin/env python3
"""The same matrix gives the same bytes: sha256 of the three files' data for each program, model and
number of threads. Standard library only; exits with 1 if two runs differ.

    identity.py --program build/src/gamma-extract [PROGRAM...] --model DIR [DIR...] [--threads 1 2 3]

The models must hold the same matrix, such as one file and the same sharded; the programs are two builds,
such as one with its module and one of a single file.
"""

import argparse
import concurrent.futures
import hashlib
import itertools
import sys
from pathlib import Path

from checkpoint_file import read_header
from measured_run import executable, measure, scratch_directory

LABEL = "identity"
FILES = ["gamma_centroid_mu.safetensors", f"gamma_{LABEL}.safetensors", f"gamma_centered_{LABEL}.safetensors"]


def data_sha256(path):
    """Of all bytes behind the header, which names the model."""
    _, start = read_header(path)
    digest, buffer = hashlib.sha256(), memoryview(bytearray(1 << 20))
    with open(path, "rb", buffering=0) as file:
        file.seek(start)
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=executable, nargs="+", required=True)
    parser.add_argument("--model", type=Path, nargs="+", required=True)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--options", default="", help="more options for the program")
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()

    found = {}
    with scratch_directory(arguments.work) as work, concurrent.futures.ThreadPoolExecutor() as pool:
        for program, model, threads in itertools.product(arguments.program, arguments.model, arguments.threads):
            measure([program, "--model", model, "--out", work, "--name", LABEL, "--threads", threads,
                     "--force", "--quiet", *arguments.options.split()])
            digests = tuple(pool.map(data_sha256, [Path(work) / name for name in FILES]))
            found.setdefault(digests, []).append(f"{program}, {model}, {threads} threads")
    for digests, runs in found.items():
        for name, digest in zip(FILES, digests):
            print(f"{digest}  data of {name}")
        print("".join(f"    {run}\n" for run in runs), end="")
    print("all the same" if len(found) == 1 else f"{len(found)} DIFFERENT results")
    return 0 if len(found) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
