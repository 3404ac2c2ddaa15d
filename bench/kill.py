#!/usr/bin/env python3
"""Ends the program by a signal at moments spread evenly over an undisturbed run, and looks at what is
left. Standard library only; exits with 1 if one promise is broken.

    kill.py --program build/src/gamma-extract --model DIR [--moments 25] [--signals KILL INT TERM]

Each signal is tried into a directory that is not there yet (nor its parent), and over the files of an
earlier run. After each:

* each of the three names holds nothing or a whole old file (where there was one: an old or a new one).
  Whole means: byte for byte what an undisturbed run writes. An old file is known by its inode; if its
  change time stands still too, then nobody wrote to it, and its bytes are not compared again.
* INT and TERM leave the tree as it was: names, inodes, modes, change times, the directories included.
  The change time of what was moved aside and rolled back differs: then the bytes are compared.
* KILL may leave unfinished files under other names; the next run succeeds without --force and leaves
  just the three files, whole.

A run that was done before its signal came counts apart, and must have left three whole new files.
"""

import argparse
import concurrent.futures
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from checkpoint_file import find_matrix
from measured_run import executable, machine, scratch_directory, warm

LABEL = "killed"
NAMES = ["gamma_centroid_mu.safetensors", f"gamma_{LABEL}.safetensors", f"gamma_centered_{LABEL}.safetensors"]
SETTLED = 0.02  # seconds; the clock of change times ticks each 4 ms, at most 10


class Broken(Exception):
    """A promise that was not kept."""


def expect(condition, words):
    if not condition:
        raise Broken(words)


@dataclass(frozen=True)
class Entry:
    """One name in a tree, as far as a look at it tells; the change time apart."""

    inode: int
    mode: int
    size: int
    modified: int


def tree(top):
    """Each name under top, with its entry and change time. A directory's size and times are left out:
    its names say what changed, and a temporary file that came and went is no change."""
    entries, changed = {}, {}
    for path in [top, *top.rglob("*")] if top.exists() else []:
        status = path.lstat()
        plain = not path.is_dir()
        entries[path] = Entry(status.st_ino, status.st_mode, plain * status.st_size, plain * status.st_mtime_ns)
        changed[path] = plain * status.st_ctime_ns
    return entries, changed


def same_bytes(path, reference):
    buffers = bytearray(1 << 20), bytearray(1 << 20)
    with open(path, "rb", buffering=0) as a, open(reference, "rb", buffering=0) as b:
        while True:
            counts = a.readinto(buffers[0]), b.readinto(buffers[1])
            if counts[0] != counts[1] or buffers[0][: counts[0]] != buffers[1][: counts[1]]:
                return False
            if counts[0] == 0:
                return True


class Trial:
    """The program, its reference output, and the directory under fire."""

    def __init__(self, arguments, work):
        self.work = work
        self.reference = work / "reference"
        self.top = work / "parent"
        self.out = self.top / "out"
        self.program = [str(arguments.program), "--model", str(arguments.model), "--name", LABEL, "--quiet",
                        *arguments.options.split()]

    def start(self, out):
        # A session of its own: a Ctrl-C at this script is not meant for the program.
        return subprocess.Popen([*self.program, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                start_new_session=True)

    def undisturbed(self, out):
        start = time.perf_counter()
        process = self.start(out)
        words, _ = process.communicate()
        expect(process.returncode == 0, f"an undisturbed run ended with {process.returncode}: {words.decode()}")
        return time.perf_counter() - start

    def signalled(self, number, moment):
        start = time.perf_counter()
        process = self.start(self.out)
        time.sleep(max(0, start + moment - time.perf_counter()))
        process.send_signal(number)
        words, _ = process.communicate(timeout=60)
        return process.returncode, words.decode(errors="replace")

    def usual_wall(self, over_old_files):
        """Seconds of an undisturbed run, the median of three."""
        walls = []
        for _ in range(3):
            self.prepare(over_old_files)
            walls.append(self.undisturbed(self.out))
        return statistics.median(walls)

    def prepare(self, over_old_files):
        """A tree without the directory, or with an earlier run's files in it."""
        if over_old_files and all((self.out / name).exists() for name in NAMES):
            return
        shutil.rmtree(self.top, ignore_errors=True)
        if over_old_files:
            self.undisturbed(self.out)
            time.sleep(SETTLED)

    def expect_whole(self, names):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for name, same in zip(names, pool.map(self._is_whole, names)):
                expect(same, f"{name} is not whole")

    def _is_whole(self, name):
        return same_bytes(self.out / name, self.reference / name)

    def expect_just_three(self):
        left = sorted(path.name for path in self.out.iterdir())
        expect(left == sorted(NAMES), f"left in the directory: {left}")

    def one(self, number, moment, over_old_files):
        """One signal; returns in a word what was found."""
        self.prepare(over_old_files)
        before, changed_before = tree(self.top)
        code, words = self.signalled(number, moment)
        after, changed = tree(self.top)
        expect(code in (0, -number), f"ended with {code}: {words}")
        present = [name for name in NAMES if self.out / name in after]
        written = [name for name in present if changed[self.out / name] != changed_before.get(self.out / name)]
        self.expect_whole(written)
        old = [name for name in present if before.get(self.out / name) == after[self.out / name]]
        if code == 0:
            return self._finished(code, present, old, "done before the signal")
        if number == signal.SIGKILL:
            return self._killed(present, old, over_old_files, len(after) - len(before))
        if after == before:
            return "as before"
        expect(len(present) == 3, f"not as before: {sorted(str(path) for path in after.keys() ^ before.keys())}")
        return self._finished(code, present, old, "signalled after the renames")

    def _finished(self, code, present, old, word):
        expect(len(present) == 3 and not old,
               f"ended with {code}, but of the files there are {present}, of them old {old}")
        self.expect_just_three()
        return word

    def _killed(self, present, old, over_old_files, more):
        expect(len(present) == 3 or not over_old_files, f"of the old files there are left {present}")
        self.undisturbed(self.out)
        self.expect_just_three()
        self.expect_whole(NAMES)
        time.sleep(SETTLED)
        new = len(present) - len(old)
        return "none new" + (", leftovers" if more > 0 else "") if new == 0 else f"{new} of 3 new"


def signals_of(names):
    return [signal.Signals[f"SIG{name}"] for name in names]


def run_all(trial, arguments):
    broken = 0
    for over_old_files in False, True:
        wall = trial.usual_wall(over_old_files)
        where = "over old files" if over_old_files else "fresh directory"
        print(f"undisturbed, {where}: {wall:.3f} s", flush=True)
        for number in signals_of(arguments.signals):
            found = Counter()
            for i in range(arguments.moments):
                moment = (i + 0.5) / arguments.moments * wall
                try:
                    found[trial.one(number, moment, over_old_files)] += 1
                except Broken as words:
                    broken += 1
                    print(f"BROKEN: {number.name} at {moment:.3f} s: {words}", flush=True)
                    shutil.rmtree(trial.top, ignore_errors=True)
            counts = ", ".join(f"{count} {word}" for word, count in sorted(found.items()))
            print(f"{number.name:8} {where:16} {arguments.moments} moments: {counts}", flush=True)
    return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=executable, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--options", default="", help="more options for the program")
    parser.add_argument("--moments", type=int, default=25)
    parser.add_argument("--signals", nargs="+", default=["KILL", "INT", "TERM"])
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()

    matrix = find_matrix(arguments.model)
    with scratch_directory(arguments.work) as work:
        # The reference, the old files and the new ones.
        needed, free = int(3.1 * sum(matrix.output_sizes)), shutil.disk_usage(work).free
        if free < needed:
            sys.exit(f"kill.py: {work} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed")
        warm(matrix.path)
        trial = Trial(arguments, Path(work))
        trial.undisturbed(trial.reference)
        print(machine())
        broken = run_all(trial, arguments)
    print("every promise kept" if broken == 0 else f"{broken} BROKEN")
    return 0 if broken == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
