#!/usr/bin/env python3
"""Runs the program, what it stands beside and what it can do no better than, in turn, and prints what each
costs as a table in Markdown. Standard library only.

    table.py --program build/src/gamma-extract --model DIR [--whole-model DIR] [--python PYTHON]

Without --whole-model the notebook is left out, without xxhsum on the PATH xxhsum. README.md says what
the parts are and why the rounds are made so.
"""

import argparse
import json
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from checkpoint_file import find_matrix
from measured_run import chill, executable, machine, measure, scratch_directory, warm
from paired_rounds import cost_table, in_turn, paired, ratio_table

HERE = Path(__file__).resolve().parent
REST = 4  # seconds, in which free memory goes back to the host of a virtual machine

RATIOS = {
    "program / (2.5 F + S)": (("program", "floor", "start_up"), lambda p, f, s: p / (2.5 * f + s)),
    "program / (1.5 F + S / 2)": (("program", "floor", "start_up"), lambda p, f, s: p / (1.5 * f + s / 2)),
    "peer / program": (("peer", "program"), lambda peer, p: peer / p),
    "program / dd, both cold": (("program_cold", "read_cold"), lambda p, dd: p / dd),
    "verify / xxhsum": (("verify", "xxhsum"), lambda v, x: v / x),
}


def parse_arguments():
    build = HERE.parent / "build"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=executable, default=str(build / "src" / "gamma-extract"))
    parser.add_argument("--model", type=Path, required=True, help="a checkpoint's directory")
    parser.add_argument("--whole-model", type=Path, help="one with all its layers, for the notebook")
    parser.add_argument("--options", default="", help="more options for the program, such as '--threads 1'")
    parser.add_argument("--floor", type=executable, default=str(build / "bench" / "floor"))
    parser.add_argument("--start-up", type=executable, default=str(build / "bench" / "start_up"))
    parser.add_argument("--python", default=sys.executable,
                        help="the peer's interpreter, with numpy and safetensors; the notebook's, with transformers")
    parser.add_argument("--work", type=Path, help="where the outputs are written (default: inside build/)")
    parser.add_argument("--before", choices=("floor", "itself", "rest"), default="floor",
                        help="what comes, untimed, before each timed run (default: floor)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--notebook-rounds", type=int, default=1, help="of the notebook, which takes minutes")
    parser.add_argument("--parts", help="comma-separated; all by default: see README.md")
    parser.add_argument("--json", type=Path, help="a file for every run's figures")
    arguments = parser.parse_args()
    arguments.notebook_rounds = min(arguments.notebook_rounds, arguments.rounds)
    return arguments


@dataclass
class Part:
    words: str  # its name in the table
    command: list
    rounds: int
    cold: list = field(default_factory=list)  # files that are not to be in the page cache
    warm: list = field(default_factory=list)  # files that another part may have pushed out of it
    mapped: int = 0  # bytes that it reads through a memory map
    expendable: bool = False  # may be killed for memory


class Bench:
    def __init__(self, arguments, work):
        self.arguments = arguments
        self.matrix = find_matrix(arguments.model)
        require_room(work, self.matrix)
        self.out = work / "out"  # fresh for each run
        self.set = work / "set"  # the three files, for those that read them
        measure([*self.extract(), "--out", self.set])
        self.parts = {**self.main_parts(), **self.floors(), **self.python_parts(), **self.reading_parts()}

    def main_parts(self):
        rounds = self.arguments.rounds
        command = [*self.extract(), "--out", self.out, *self.arguments.options.split()]
        dd = ["dd", f"if={self.matrix.path}", "of=/dev/null", "bs=1M", "iflag=skip_bytes,count_bytes",
              f"skip={self.matrix.offset}", f"count={self.matrix.bytes}"]
        return {
            "program": Part("`gamma-extract`", command, rounds),
            "program_source": Part("the same, `--dtype source`", [*command, "--dtype", "source"], rounds),
            "program_cold": Part("the same, cold input", command, rounds, cold=[self.matrix.path]),
            "read_cold": Part("`dd` of the matrix to nowhere, cold", dd, rounds, cold=[self.matrix.path]),
        }

    def floors(self):
        rounds = self.arguments.rounds
        command = [self.arguments.floor, self.matrix.path, self.matrix.offset, self.matrix.bytes, self.out,
                   *self.matrix.output_sizes]
        return {
            "floor": Part("F: the same bytes, nothing computed", command, rounds),
            "start_up": Part("S: libtorch's start-up", [self.arguments.start_up], rounds),
        }

    def python_parts(self):
        python, whole = self.arguments.python, self.arguments.whole_model
        parts = {"peer": Part("careful Python", [python, HERE / "peer.py", self.arguments.model, self.out],
                              self.arguments.rounds, mapped=self.matrix.bytes)}
        if whole:
            shards = sorted(whole.glob("*.safetensors"))
            size = sum(shard.stat().st_size for shard in shards)
            for name, dtype in ("notebook", "float32"), ("notebook_bfloat16", "bfloat16"):
                parts[name] = Part(f"notebook 01.1a, {layers(whole)} layers, {dtype}",
                                   [python, HERE / "notebook.py", whole, self.out, dtype],
                                   self.arguments.notebook_rounds, warm=shards, mapped=size, expendable=True)
        return parts

    def reading_parts(self):
        """Those that read the three files, and inspect."""
        rounds, whole = self.arguments.rounds, self.arguments.whole_model
        files = sorted(self.set.iterdir())
        parts = {"verify": Part("`gamma-extract verify`", [self.arguments.program, "verify", self.set], rounds,
                                warm=files)}
        if shutil.which("xxhsum"):
            parts["xxhsum"] = Part("`xxhsum -H2` of the same files", ["xxhsum", "-H2", *files], rounds, warm=files)
        parts["inspect"] = Part("`gamma-extract inspect`" + (f", {layers(whole)} layers" if whole else ""),
                                [self.arguments.program, "inspect", whole or self.arguments.model], rounds)
        return parts

    def extract(self):
        return [self.arguments.program, "--model", self.arguments.model, "--quiet"]

    def run(self, part):
        """One run into an empty directory, which is emptied again when the clock has stopped."""
        self.out.mkdir()
        measured = measure(part.command, part.expendable)
        measured.mapped = part.mapped
        shutil.rmtree(self.out)
        return measured

    def fair_run(self, name):
        """A run with what comes before it (README.md)."""
        part = self.parts[name]
        if self.arguments.before == "rest":
            time.sleep(REST)
        else:
            before = self.run(part if self.arguments.before == "itself" else self.parts["floor"])
            if before.killed:
                return before
        for path in part.cold:
            chill(path)
        for path in part.warm:
            warm(path)
        return self.run(part)


def layers(model):
    return json.loads((model / "config.json").read_text())["num_hidden_layers"]


def require_room(work, matrix):
    needed, free = int(2.2 * sum(matrix.output_sizes)), shutil.disk_usage(work).free
    if free < needed:
        sys.exit(f"table.py: {work} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed")


def choose(parts, names):
    """The parts of these names, comma-separated; all where there are no names."""
    chosen = names.split(",") if names else list(parts)
    if unknown := set(chosen) - set(parts):
        sys.exit(f"table.py: no such part: {', '.join(unknown)}; there are {', '.join(parts)}")
    return {name: parts[name] for name in chosen}


def main():
    arguments = parse_arguments()
    with scratch_directory(arguments.work) as work:
        bench = Bench(arguments, Path(work))
        parts = choose(bench.parts, arguments.parts)
        about = (f"{machine()}; {bench.matrix.rows} x {bench.matrix.columns} {bench.matrix.dtype}; "
                 f"rounds: {arguments.rounds}, of the notebook {arguments.notebook_rounds}; "
                 f"before each run: {arguments.before}")
        measured = in_turn(bench.fair_run, {name: part.rounds for name, part in parts.items()})
    ratios = {name: paired(measured, *how) for name, how in RATIOS.items()}
    costs = cost_table({part.words: measured[name] for name, part in parts.items()}, bench.parts["program"].words)
    print("\n".join([about, "", *costs, "", *ratio_table(ratios)]))
    if arguments.json:
        runs = {name: [asdict(run) for run in runs] for name, runs in measured.items()}
        arguments.json.write_text(json.dumps({"about": about, "runs": runs, "ratios": ratios}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
