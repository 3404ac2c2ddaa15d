#!/usr/bin/env python3
"""What the program costs as the matrix grows: in rows at one width, to one row of ten million columns, to
256,000 x 12,288; and what more threads change. Makes the checkpoints it needs.

    scale.py --program build/src/gamma-extract --python PYTHON [--parts rows,row,threads,huge]

Exits with 1 if a bound is not kept; README.md has them. The largest shape needs 32 GB of room on the disk, the
others 11 GB. PYTHON makes the checkpoints, with numpy; all else is the standard library.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from checkpoint_file import find_matrix
from measured_run import executable, machine, measure, scratch_directory, warm

HERE = Path(__file__).resolve().parent
WIDTH = 256  # so that a million rows stay below what the kernel lets be dirty before it slows the writer
ROWS = 1_000, 100_000, 1_000_000
LONG_ROW = 10_000_000
HUGE = 256_000, 12_288
REAL = 151_936, 2_560
THREADS = 1, 2, 3, 4, 8, 16, 64
PEAK_MB, BYTES_A_ROW, BYTES_A_COLUMN, SLACK_MB = 220, 16, 64, 10


def parse_arguments():
    build = HERE.parent / "build"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=executable, default=str(build / "src" / "gamma-extract"))
    parser.add_argument("--floor", type=executable, default=str(build / "bench" / "floor"))
    parser.add_argument("--start-up", type=executable, default=str(build / "bench" / "start_up"))
    parser.add_argument("--python", default=sys.executable, help="an interpreter with numpy")
    parser.add_argument("--work", type=Path, help="where everything is written (default: inside build/)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default="rows,row,threads,huge")
    return parser.parse_args()


class Scale:
    def __init__(self, arguments, work):
        self.arguments, self.work, self.out = arguments, work, work / "out"
        self.kept = True
        self.start_up = statistics.median(measure([arguments.start_up]).wall for _ in range(arguments.rounds))
        print(f"S, libtorch's bare start-up: {self.start_up:.3f} s")

    def bound(self, words, value, limit, unit):
        kept = value <= limit
        self.kept = self.kept and kept
        print(f"    {words}: {value:.3f} {unit}, limit {limit:.3f}: {'kept' if kept else 'NOT KEPT'}")

    def checkpoint(self, rows, columns):
        directory = self.work / f"{rows}x{columns}"
        subprocess.run([self.arguments.python, HERE / "make_checkpoint.py", directory, "--rows", str(rows),
                        "--columns", str(columns)], check=True, stdout=subprocess.DEVNULL)
        os.sync()  # so that nothing of it is written to the disk while something is measured
        warm(find_matrix(directory).path)
        return directory

    def extract(self, model, *options):
        return [self.arguments.program, "--model", model, "--out", self.out, "--quiet", *options]

    def measure(self, command, keep=False):
        self.out.mkdir()
        measured = measure(command)
        if not keep:
            shutil.rmtree(self.out)
        return measured

    def median(self, command):
        """The median wall, and the largest peak, of some runs into an empty directory, each after one that
        counts for nothing, so that memory is at hand (README.md says why)."""
        runs = []
        for _ in range(self.arguments.rounds):
            self.measure(command)
            runs.append(self.measure(command))
        return statistics.median(run.wall for run in runs), max(run.peak for run in runs)

    def rows(self):
        walls, peaks = {}, {}
        for rows in ROWS:
            model = self.checkpoint(rows, WIDTH)
            walls[rows], peaks[rows] = self.median(self.extract(model))
            shutil.rmtree(model)
            print(f"{rows:10,} x {WIDTH:,}: {walls[rows]:.3f} s, {1e6 * walls[rows] / rows:.2f} us a row, "
                  f"peak {peaks[rows]:.1f} MB")
        few, some, many = ROWS
        self.bound(f"{few:,} rows", walls[few], self.start_up + 0.05, "s")
        self.bound(f"{many:,} rows / {some:,} rows", walls[many] / walls[some], 13, "times")
        self.bound(f"bytes for each of {many - some:,} further rows",
                   1e6 * (peaks[many] - peaks[some]) / (many - some), BYTES_A_ROW + 2, "bytes")

    def row(self):
        few, many = self.checkpoint(1, 1000), self.checkpoint(1, LONG_ROW)
        base = self.median(self.extract(few))[1]
        for options in [], ["--threads", str(THREADS[-1])]:
            wall, peak = self.median(self.extract(many, *options))
            print(f"{1:10,} x {LONG_ROW:,} {' '.join(options)}: {wall:.3f} s, peak {peak:.1f} MB; "
                  f"1 x 1,000: {base:.1f} MB")
            self.bound("bytes a further column", 1e6 * (peak - base) / LONG_ROW, BYTES_A_COLUMN, "bytes")
        self.measure(self.extract(many), keep=True)
        same = is_widened(find_matrix(many), next(self.out.glob("gamma_centroid_mu*")))
        self.kept = self.kept and same
        print(f"    mu is the row: {'yes' if same else 'NO'}")
        shutil.rmtree(self.out)

    def threads(self):
        model = self.checkpoint(*REAL)
        for threads in THREADS:
            wall, peak = self.median(self.extract(model, "--threads", str(threads)))
            print(f"{threads:10} threads, {REAL[0]:,} x {REAL[1]:,}: {wall:.3f} s, peak {peak:.1f} MB")
            self.bound("peak", peak, PEAK_MB, "MB")
        shutil.rmtree(model)

    def huge(self):
        real, huge = self.checkpoint(*REAL), self.checkpoint(*HUGE)
        base = self.median(self.extract(real))[1]
        matrix = find_matrix(huge)
        floor_command = [self.arguments.floor, matrix.path, matrix.offset, matrix.bytes, self.out,
                         *matrix.output_sizes]
        floor = self.measure(floor_command).wall
        measured = self.measure(self.extract(huge))
        print(f"{HUGE[0]:,} x {HUGE[1]:,}: {measured.wall:.1f} s, F {floor:.1f} s, peak {measured.peak:.1f} MB; "
              f"of {REAL[0]:,} x {REAL[1]:,}: {base:.1f} MB")
        self.bound("wall", measured.wall, 3 * floor + self.start_up, "s")
        more = (BYTES_A_ROW * (HUGE[0] - REAL[0]) + BYTES_A_COLUMN * (HUGE[1] - REAL[1])) / 1e6
        self.bound("more memory", measured.peak - base, SLACK_MB + more, "MB")


def is_widened(matrix, mu):
    """Whether mu is a matrix's one row: the mean of one value is that value. In pieces, since what this process
    holds counts in the peak of those that it starts."""
    piece = 1 << 20
    with open(matrix.path, "rb") as stored, open(mu, "rb") as means:
        stored.seek(matrix.offset)
        means.seek(-2 * matrix.bytes, 2)
        for start in range(0, matrix.bytes, piece):
            values = stored.read(min(piece, matrix.bytes - start))
            expected = bytearray(2 * len(values))
            expected[2::4], expected[3::4] = values[0::2], values[1::2]  # BF16 is float32's upper half
            if means.read(len(expected)) != expected:
                return False
    return True


def main():
    arguments = parse_arguments()
    print(machine())
    with scratch_directory(arguments.work) as work:
        scale = Scale(arguments, Path(work))
        for part in arguments.parts.split(","):
            getattr(scale, part)()
    return 0 if scale.kept else 1


if __name__ == "__main__":
    sys.exit(main())
