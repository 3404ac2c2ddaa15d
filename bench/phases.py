#!/usr/bin/env python3
"""Where the main job's time goes: samples of perf, sorted into phases and into what each thread was at, as tables
in Markdown. Needs perf and a program that is not stripped; else the standard library only.

    phases.py --program build/src/gamma-extract --model DIR

A thread that sleeps is not sampled: what the samples leave of the wall is printed as waiting.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from checkpoint_file import find_matrix
from measured_run import executable, machine, measure, scratch_directory
from paired_rounds import head, row

RATE = 4999  # samples a second of each thread that runs

# The first pattern that is found anywhere on a sample's stack names it.
KINDS = [
    ("waiting for the other thread's write (spinning)", r"rwsem_|osq_lock"),
    ("writing", r"sys_pwrite64"),
    ("reading", r"sys_pread64"),
    ("reserving room", r"sys_fallocate"),
    ("removing, renaming", r"sys_(unlink|rmdir|rename)"),
    ("loading libraries", r"ld-linux"),
    ("checksums and hashes", r"libxxhash|XXH3|XXH_"),
    ("exact sums", r"WideSum|ColumnSums|PartialSums|measure_together|add_sums|widen_magnitudes"),
    ("widening", r"widen_"),
    ("centering, squares, sums of columns", r"center_strip"),
    ("sums of columns", r"add_strip"),
    ("mu's and the rows' figures", r"summarize_norms|libcrypto"),
]
REST = "the rest"
WAITING = "asleep, or without a core"


@dataclass
class Sample:
    thread: str
    time: float  # seconds, of the kernel's clock
    stack: str  # functions and files, the innermost first

    @property
    def kind(self):
        return next((kind for kind, pattern in KINDS if re.search(pattern, self.stack)), REST)


def parse_arguments():
    build = Path(__file__).resolve().parent.parent / "build"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=executable, default=str(build / "src" / "gamma-extract"))
    parser.add_argument("--model", type=Path, required=True, help="a checkpoint's directory")
    parser.add_argument("--options", default="", help="more options for the program, such as '--threads 1'")
    parser.add_argument("--floor", type=executable, default=str(build / "bench" / "floor"))
    parser.add_argument("--work", type=Path, help="where the outputs are written (default: inside build/)")
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


def samples_of(command, data):
    """The samples of one run, in the order of time."""
    record = ["perf", "record", "--quiet", "-e", "cpu-clock", "-F", str(RATE), "-g", "-o", data, *command]
    subprocess.run(list(map(str, record)), check=True, stdout=subprocess.DEVNULL)
    script = ["perf", "script", "-i", str(data), "-F", "tid,time,ip,sym,dso"]
    text = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    samples = []
    for block in text.strip().split("\n\n"):
        first, *stack = block.splitlines()
        thread, time = first.split()
        samples.append(Sample(thread, float(time.rstrip(":")), "\n".join(stack)))
    return sorted(samples, key=lambda sample: sample.time)


def phases_of(samples):
    """Phase -> its samples."""
    def all_with(pattern):
        found = [i for i, sample in enumerate(samples) if re.search(pattern, sample.stack)]
        if not found:
            sys.exit(f"phases.py: no sample has {pattern} on its stack: it needs the names of the program's functions "
                     "(a build that is not stripped, vectors) and of the kernel's (kernel.kptr_restrict)")
        return found

    pass_1 = all_with("VectorLoop")[0]
    pass_2 = all_with("sys_fallocate|sys_pwrite64")[0]
    last_write = all_with("sys_pwrite64")[-1]
    return {"start": samples[:pass_1], "pass 1": samples[pass_1:pass_2],
            "pass 2": samples[pass_2 : last_write + 1], "end": samples[last_write + 1 :]}


def milliseconds_of(samples, end):
    """Of one phase, which lasts until `end`: its wall, and kind -> what all threads together were at it."""
    wall = (end - samples[0].time) * 1000
    kinds = Counter()
    for sample in samples:
        kinds[sample.kind] += 1000 / RATE
    threads = len({sample.thread for sample in samples})
    kinds[WAITING] = max(0.0, threads * wall - sum(kinds.values()))
    return wall, kinds


def tables(rounds):
    """rounds: for each, phase -> (wall, kind -> milliseconds)."""
    phases = list(rounds[0])

    def median(phase, kind):
        return statistics.median(of_round[phase][1][kind] for of_round in rounds)

    def wall(phase):
        return statistics.median(of_round[phase][0] for of_round in rounds)

    yield from head("ms", *phases)
    yield row("wall", *(f"{wall(phase):.0f}" for phase in phases))
    for kind in [*(kind for kind, _ in KINDS), REST, WAITING]:
        cells = [median(phase, kind) for phase in phases]
        if max(cells) >= 0.5:
            yield row(kind, *(f"{cell:.0f}" if cell >= 0.5 else "" for cell in cells))


def main():
    arguments = parse_arguments()
    if not shutil.which("perf"):
        sys.exit("phases.py: there is no perf on the PATH")
    matrix = find_matrix(arguments.model)
    rounds = []
    with scratch_directory(arguments.work) as work:
        out = Path(work) / "out"
        floor = [arguments.floor, matrix.path, matrix.offset, matrix.bytes, out, *matrix.output_sizes]
        command = [arguments.program, "--model", arguments.model, "--quiet", "--out", out,
                   *arguments.options.split()]
        for _ in range(arguments.rounds):
            out.mkdir()
            measure(floor)  # so that the machine has memory at hand for what is written
            shutil.rmtree(out)
            out.mkdir()
            phases = phases_of(samples_of(command, Path(work) / "perf.data"))
            starts = [samples[0].time for samples in phases.values()]
            ends = [*starts[1:], phases["end"][-1].time]
            rounds.append({phase: milliseconds_of(samples, end)
                           for (phase, samples), end in zip(phases.items(), ends)})
            shutil.rmtree(out)
    about = f"{machine()}; {matrix.rows} x {matrix.columns} {matrix.dtype}; rounds: {arguments.rounds}"
    print("\n".join([about, "", *tables(rounds)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
