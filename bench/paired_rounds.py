"""Several commands in turn, so that what the machine does meanwhile meets all of them, and tables, in
Markdown, of what they cost. Standard library only."""

import resource
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


def paired(measured, parts, ratio):
    """ratio(wall of the first part, of the second, ...) of each round that all of the parts ran in."""
    walls = [[run.wall for run in measured.get(part, [])] for part in parts]
    return [ratio(*of_round) for of_round in zip(*walls)]


def row(*cells):
    return f"| {' | '.join(cells)} |"


def head(*cells):
    """The first column is words, all others are numbers."""
    return [row(*cells), "|---" + "|---:" * (len(cells) - 1) + "|"]


def spread(values):
    return f"{statistics.median(values):.3f}", f"{min(values):.3f} to {max(values):.3f}"


def megabytes(values):
    middle = statistics.median(values) / 1e6
    return f"{middle:,.0f}" if middle >= 10 else f"{middle:.2g}"


def cost_table(measured, reference):
    """A row for each part, with the ratio of its wall to the reference's in the same round."""
    yield from head("", "wall s", "min to max", f"/ {reference}", "CPU s", "peak MB", "read MB", "from disk MB",
                    "written MB")
    for part, runs in measured.items():
        ratios = paired(measured, (part, reference), lambda wall, other: wall / other)
        yield row(part, *wall_cells(runs, ratios), f"{statistics.median(run.cpu for run in runs):.2f}",
                  peak_cell(runs), read_cell(runs), megabytes([run.from_disk for run in runs]),
                  megabytes([run.written for run in runs]))


def wall_cells(runs, ratios):
    if any(run.killed for run in runs):
        return "did not fit", f"killed at {max(run.peak for run in runs) / 1000:.1f} GB", ""
    return *spread([run.wall for run in runs]), f"{statistics.median(ratios):.2f}" if ratios else ""


def peak_cell(runs):
    """A child's peak is at least this interpreter's (measured_run.py)."""
    peak = statistics.median(run.peak for run in runs)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return f"{peak:,.0f}" if peak > own else f"under {own:.0f}"


def read_cell(runs):
    mapped = f" + {megabytes([runs[0].mapped])} mapped" if runs[0].mapped else ""
    return megabytes([run.read for run in runs]) + mapped


def ratio_table(ratios):
    """ratios: name -> the values of each round; those without any are left out."""
    rows = [row(name, *spread(values)) for name, values in ratios.items() if values]
    return [*head("paired", "median", "min to max"), *rows] if rows else []
