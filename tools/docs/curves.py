"""The learning curves of the leaderboard's entries: validation metric over minutes of training."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from tools.docs.board import Json, document

__all__ = ["learning_curves"]


def learning_curves() -> bytes:
    """One plot a family as PNG, each with the first seed of every entry that has a curve."""
    rows = document()["rows"]
    names = sorted({row["name"] for row in rows})
    families = [f for f in document()["families"] if any(_curves(row, f["id"]) for row in rows)]
    figure = Figure(figsize=(8.4, 2.9 * ((len(families) + 1) // 2)), layout="constrained")
    for number, family in enumerate(families, 1):
        axes = figure.add_subplot((len(families) + 1) // 2, 2, number)
        for row in rows:
            for curve in _curves(row, family["id"])[:1]:
                minutes = [seconds / 60.0 for seconds in curve["seconds"]]
                color = f"C{names.index(row['name'])}"
                axes.plot(minutes, curve["values"], label=row["name"], linewidth=1.2, color=color)
        axes.set_title(family["title"], fontsize=9)
        axes.set_xlabel("minutes", fontsize=8)
        axes.set_ylabel(f"{family['metrics'][0]['label']}, validation", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()


def _curves(row: Json, family: str) -> Sequence[Json]:
    curves: Sequence[Json] = row["families"].get(family, {}).get("curves", ())
    return curves
