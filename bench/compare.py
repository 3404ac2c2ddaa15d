#!/usr/bin/env python3
"""Runs the program, the floor, libtorch's bare start-up and the Python peer in turn, and prints what
each costs and how they compare. Standard library only.

    compare.py --program build/src/gamma-extract --model DIR

README.md says what the parts are and why the rounds are made so.
"""

import argparse
import shutil
import sys
from pathlib import Path

from checkpoint_file import find_matrix
from measured_run import executable, machine, measure, scratch_directory, warm
from paired_rounds import cost_lines, in_turn, line

HERE = Path(__file__).resolve().parent
PARTS = ["floor", "start_up", "program", "peer"]


def parse_arguments():
    build = HERE.parent / "build"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a checkpoint's directory")
    parser.add_argument("--program", default=build / "src" / "gamma-extract")
    parser.add_argument("--options", default="", help="more options for the program, such as '--threads 1'")
    parser.add_argument("--floor", default=build / "bench" / "floor")
    parser.add_argument("--start-up", default=build / "bench" / "start_up")
    parser.add_argument("--python", default=sys.executable, help="the peer's interpreter, with numpy and safetensors")
    parser.add_argument("--work", type=Path, help="where the outputs are written (default: inside build/)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peer-rounds", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated: %(default)s")
    arguments = parser.parse_args()
    try:
        for name in "program", "floor", "start_up":
            if name in arguments.parts.split(",") or name == "floor":
                setattr(arguments, name, executable(getattr(arguments, name)))
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    return arguments


class Comparison:
    """The commands, and the directory that each of them fills afresh."""

    def __init__(self, arguments, matrix, work):
        self.out = work / "out"
        self.commands = {
            "floor": [arguments.floor, matrix.path, matrix.offset, matrix.bytes, self.out, *matrix.output_sizes],
            "start_up": [arguments.start_up],
            "program": [arguments.program, "--model", arguments.model, "--out", self.out, "--force", "--quiet",
                        *arguments.options.split()],
            "peer": [arguments.python, HERE / "peer.py", arguments.model, self.out],
        }

    def run(self, part):
        """One run into an empty directory, which is emptied again when the clock has stopped."""
        self.out.mkdir()
        measured = measure(self.commands[part])
        shutil.rmtree(self.out)
        return measured

    def fair_run(self, part):
        if part != "start_up":
            self.run("floor")  # so that the memory of the pages to be written is the machine's own
        return self.run(part)


def table(measured):
    yield from cost_lines(measured)
    walls = {part: [run.wall for run in runs] for part, runs in measured.items()}

    def paired(*parts):
        return zip(*(walls[part] for part in parts)) if all(part in walls for part in parts) else []

    ratios = {
        "program / floor": [p / f for p, f in paired("program", "floor")],
        "program / (3 floor + start_up)": [p / (3 * f + s) for p, f, s in paired("program", "floor", "start_up")],
        "peer / program": [q / p for q, p in paired("peer", "program")],
        "peer / floor": [q / f for q, f in paired("peer", "floor")],
    }
    for name, values in ratios.items():
        if values:
            yield line(name, values, "")


def main():
    arguments = parse_arguments()
    parts = arguments.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"compare.py: no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    matrix = find_matrix(arguments.model)
    rounds = dict.fromkeys(parts, arguments.rounds)
    if "peer" in rounds:
        rounds["peer"] = min(arguments.peer_rounds, arguments.rounds)
    with scratch_directory(arguments.work) as work:
        needed, free = int(1.1 * sum(matrix.output_sizes)), shutil.disk_usage(work).free
        if free < needed:
            sys.exit(f"compare.py: {work} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed")
        print(machine())
        print(f"{matrix.rows} x {matrix.columns} {matrix.dtype}, from {arguments.model}, warm; output to {work}")
        warm(matrix.path)
        measured = in_turn(Comparison(arguments, matrix, Path(work)).fair_run, rounds)
    for text in table(measured):
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
