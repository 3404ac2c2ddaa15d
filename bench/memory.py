#!/usr/bin/env python3
"""Peak memory of the program on a checkpoint and on one of more rows. Standard library only.

    memory.py --program build/src/gamma-extract --model DIR --larger DIR

Exits with 1 if the first is above 250 MB, or the second above it by more than 16 bytes for each further
row, plus 2 MB. Medians: which pages of a library a run touches depends a little on its threads.
"""

import argparse
import statistics
import sys
from pathlib import Path

from checkpoint_file import find_matrix
from measured_run import executable, machine, measure, scratch_directory, warm

LIMIT_MB, BYTES_A_ROW, SLACK_MB = 250, 16, 2


def median_peak(arguments, model, work):
    command = [arguments.program, "--model", model, "--out", Path(work) / "out", "--force", "--quiet"]
    return statistics.median(measure(command + arguments.options.split()).peak for _ in range(arguments.rounds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=executable, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--larger", type=Path, required=True)
    parser.add_argument("--options", default="", help="more options for the program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()

    rows = [find_matrix(model).rows for model in (arguments.model, arguments.larger)]
    peaks = []
    print(machine())
    for model in arguments.model, arguments.larger:
        warm(find_matrix(model).path)
        with scratch_directory(arguments.work) as work:
            peaks.append(median_peak(arguments, model, work))
    allowed = BYTES_A_ROW * (rows[1] - rows[0]) / 1e6 + SLACK_MB
    more = peaks[1] - peaks[0]
    print(f"{rows[0]:10} rows: {peaks[0]:8.1f} MB, limit {LIMIT_MB} MB")
    print(f"{rows[1]:10} rows: {peaks[1]:8.1f} MB, {more:+.2f} MB, limit {allowed:+.2f} MB, "
          f"{more * 1e6 / (rows[1] - rows[0]):.1f} bytes a further row")
    return 0 if peaks[0] <= LIMIT_MB and more <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
