"""Several commands in turn, so that what the machine does meanwhile meets all of them, and a table of what
they cost. Standard library only."""

import statistics
import sys


def in_turn(run, rounds):
    """The measurements of each part by round: `run(part)` makes one, `rounds` says how many of which part.
    The order is turned by one each round."""
    parts = list(rounds)
    measured = {part: [] for part in parts}
    for i in range(max(rounds.values())):
        shift = i % len(parts)
        for part in parts[shift:] + parts[:shift]:
            if i < rounds[part]:
                measured[part].append(run(part))
        print(f"round {i + 1}: " + ", ".join(f"{part} {measured[part][i].wall:.3f}" for part in parts
                                             if i < len(measured[part])), file=sys.stderr)
    return measured


def line(name, values, unit="s", digits=3):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{name:34}{middle:10.{digits}f}{low:10.{digits}f}{high:10.{digits}f} {unit}".rstrip()


def cost_lines(measured):
    """The table's head, and what each part costs."""
    yield f"{'':34}{'median':>10}{'min':>10}{'max':>10}"
    for part, runs in measured.items():
        yield line(f"{part}: wall", [run.wall for run in runs])
        yield line(f"{part}: user + system", [run.cpu for run in runs])
        yield line(f"{part}: peak memory", [run.peak for run in runs], "MB", 1)
