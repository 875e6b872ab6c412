"""Draw the learning curves of the leaderboard's entries: validation metric over wall-clock.

python tools/plot_learning_curves.py docs/images/learning_curves.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from smile_bench.envs import get_family
from smile_bench.leaderboard.entries import entry_folders, read_entry
from smile_bench.leaderboard.progress import Curve

ENTRIES = Path(__file__).parents[1] / "leaderboard" / "entries"


def curves(entries: Path) -> dict[str, dict[str, Curve]]:
    """Family id and entry name to the curve of the first seed that has one."""
    found: dict[str, dict[str, Curve]] = {}
    for folder in entry_folders(entries):
        entry = read_entry(folder)
        for run in entry.runs:
            if run.curve is not None:
                found.setdefault(run.family, {}).setdefault(entry.card.name, run.curve)
    return found


def draw(found: dict[str, dict[str, Curve]]) -> Figure:
    """One plot a family."""
    names = sorted({name for entries in found.values() for name in entries})
    figure = Figure(figsize=(4.2 * len(found), 3.4), layout="constrained")
    for number, (family, entries) in enumerate(sorted(found.items()), 1):
        axes = figure.add_subplot(1, len(found), number)
        for name, curve in sorted(entries.items()):
            minutes, color = [s / 60.0 for s in curve.seconds], f"C{names.index(name)}"
            axes.plot(minutes, curve.values, label=name, linewidth=1.2, color=color)
        axes.set_title(family, fontsize=9)
        axes.set_xlabel("minutes")
        axes.set_ylabel(f"{get_family(family).metric.name}, validation")
        axes.legend(fontsize=7)
    return figure


def main() -> None:
    """Write the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--entries", type=Path, default=ENTRIES)
    arguments = parser.parse_args()
    found = curves(arguments.entries)
    if not found:
        parser.error(f"no entry in {arguments.entries} has a progress.csv with a validation metric")
    draw(found).savefig(arguments.output, dpi=120)


if __name__ == "__main__":
    main()
