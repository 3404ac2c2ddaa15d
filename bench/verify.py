#!/usr/bin/env python3
"""Runs verify, `xxhsum -H2` over the same three files and libtorch's bare start-up in turn, and prints
what each costs and how they compare. Standard library only.

    verify.py --program build/src/gamma-extract --model DIR

The files are written once, untimed, and read from the page cache.
"""

import argparse
import shutil
import sys
from pathlib import Path

from measured_run import executable, machine, measure, scratch_directory, warm
from paired_rounds import cost_lines, in_turn, line


def parse_arguments():
    build = Path(__file__).resolve().parent.parent / "build"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a checkpoint's directory")
    parser.add_argument("--program", default=build / "src" / "gamma-extract")
    parser.add_argument("--options", default="", help="more options for verify, such as '--threads 1'")
    parser.add_argument("--start-up", default=build / "bench" / "start_up")
    parser.add_argument("--work", type=Path, help="where the files are written (default: inside build/)")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    try:
        arguments.program = executable(arguments.program)
        arguments.start_up = executable(arguments.start_up)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    if shutil.which("xxhsum") is None:
        parser.error("there is no xxhsum; install the package xxhash")
    return arguments


def table(measured):
    yield from cost_lines(measured)
    rounds = list(zip(measured["verify"], measured["xxhsum"], measured["start_up"]))
    yield line("verify / (2 xxhsum + start_up)", [v.wall / (2 * x.wall + s.wall) for v, x, s in rounds], "")
    yield line("verify / xxhsum", [v.wall / x.wall for v, x, _ in rounds], "")
    yield line("verify - start_up: peak memory", [v.peak - s.peak for v, _, s in rounds], "MB")


def main():
    arguments = parse_arguments()
    with scratch_directory(arguments.work) as work:
        out = Path(work) / "out"
        measure([arguments.program, "--model", arguments.model, "--out", out, "--quiet"])
        files = sorted(out.iterdir())
        for path in files:
            warm(path)
        print(machine())
        print(f"{sum(path.stat().st_size for path in files) / 1e9:.2f} GB in {len(files)} files, warm, in {out}")
        commands = {
            "verify": [arguments.program, "verify", out, *arguments.options.split()],
            "xxhsum": ["xxhsum", "-H2", *files],
            "start_up": [arguments.start_up],
        }
        measured = in_turn(lambda part: measure(commands[part]), dict.fromkeys(commands, arguments.rounds))
    for text in table(measured):
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
