#!/usr/bin/env python3
"""Runs verify, `xxhsum -H2` over the same three files and libtorch's bare start-up in turn, and prints
what each costs and how they compare. Standard library only.

    verify.py --program build/src/gamma-extract --model DIR

The files are written once, untimed, and read from the page cache.
"""

import argparse
import shutil
import statistics
import sys
from pathlib import Path

from measured_run import executable, machine, measure, scratch_directory, warm


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


def in_turn(commands, rounds):
    """The measurements of each command by round; the order is turned by one each round."""
    names = list(commands)
    measured = {name: [] for name in names}
    for i in range(rounds):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            measured[name].append(measure(commands[name]))
        print(f"round {i + 1}: " + ", ".join(f"{name} {measured[name][i].wall:.3f}" for name in names),
              file=sys.stderr)
    return measured


def line(name, values, unit=""):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{name:34}{middle:10.3f}{low:10.3f}{high:10.3f} {unit}".rstrip()


def table(measured):
    yield f"{'':34}{'median':>10}{'min':>10}{'max':>10}"
    for name, runs in measured.items():
        yield line(f"{name}: wall", [run.wall for run in runs], "s")
        yield line(f"{name}: user + system", [run.cpu for run in runs], "s")
        yield line(f"{name}: peak memory", [run.peak for run in runs], "MB")
    rounds = list(zip(measured["verify"], measured["xxhsum"], measured["start_up"]))
    yield line("verify / (2 xxhsum + start_up)", [v.wall / (2 * x.wall + s.wall) for v, x, s in rounds])
    yield line("verify / xxhsum", [v.wall / x.wall for v, x, _ in rounds])
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
        measured = in_turn({
            "verify": [arguments.program, "verify", out, *arguments.options.split()],
            "xxhsum": ["xxhsum", "-H2", *files],
            "start_up": [arguments.start_up],
        }, arguments.rounds)
    for text in table(measured):
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
