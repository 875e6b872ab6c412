"""What the leaderboard says of an agent or a family, from ``leaderboard/entries``."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from smile_bench.cli.main import main
from tools.docs.markdown import table

__all__ = ["agent_results", "board_table", "document", "family_results"]

ENTRIES = Path(__file__).parents[2] / "leaderboard" / "entries"
Json = Mapping[str, Any]
COSTS = ("control steps", "labels", "minutes")


@cache
def document() -> Json:
    """What ``smile-bench leaderboard build --no-replay`` writes into ``leaderboard.json``."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        output = Path(folder) / "board"
        arguments = ["--entries", str(ENTRIES), "--output", str(output), "--no-replay"]
        status = main(["leaderboard", "build", *arguments])
        if status != 0:
            raise RuntimeError(f"the leaderboard in {ENTRIES} could not be built (see above)")
        found: Json = json.loads((output / "leaderboard.json").read_text(encoding="utf-8"))
    return found


def board_table() -> str:
    """Every row with a ranked family: its track, overall IQM with interval, IQM on each family."""
    families = [family for family in document()["families"] if family["ranked"]]
    header = ["agent", "track", "IQM", "95 % interval", *(family["title"] for family in families)]
    rows = []
    for row in document()["rows"]:
        if not any(family["id"] in row["families"] for family in families):
            continue
        scores = [_iqm(row["families"].get(family["id"])) for family in families]
        rows.append([row["title"], _track(row), *_overall(row), *scores])
    return table(header, rows)


def agent_results(name: str) -> str:
    """A table of an agent's results on each family; empty if it has no entry."""
    header = ("family", "score", "IQM", "metric", "mean", "worst task", *COSTS)
    rows = []
    for row in document()["rows"]:
        for family in document()["families"]:
            part = row["families"].get(family["id"])
            if row["name"] == name and part is not None:
                link = f"[{family['title']}](../families/{family['id']}.md)"
                scores = (_mean(part), _iqm(part))
                rows.append((link, *scores, _metric(family), *_values(family, part), *_cost(part)))
    return table(header, rows) if rows else ""


def family_results(family_id: str) -> str:
    """A table of every entry's result on a family, and of the paper's numbers; perhaps empty."""
    known = {family["id"]: family for family in document()["families"]}
    if family_id not in known:
        return ""
    family = known[family_id]
    header = ("agent", "track", "score", "IQM", _metric(family), "worst task", *COSTS)
    rows = []
    for row in document()["rows"]:
        part = row["families"].get(family_id)
        if part is not None:
            scores = (_mean(part), _iqm(part))
            cost = ("–",) * 3 if row["kind"] == "reference" else _cost(part)
            rows.append((row["title"], _track(row), *scores, *_values(family, part), *cost))
    for row in document()["published"]["rows"]:
        part = row["families"].get(family_id)
        # Not those with other numbers of demonstrations.
        if part is not None and "," not in row["title"]:
            value, deviation = part["metrics"][family["metrics"][0]["name"]]
            shown = f"{value:g} ± {deviation:g}"
            rows.append((f"paper: {row['title']}", _track(row), "–", "–", shown, *("–",) * 4))
    return table(header, rows) if rows else ""


def _track(row: Json) -> str:
    if row["kind"] == "reference":
        return "reference"
    return f"{row['track']}, state-only" if row["state_only"] else str(row["track"])


def _overall(row: Json) -> tuple[str, str]:
    """The overall IQM and its interval."""
    if row["overall"] is None:
        return "–", "incomplete"
    value, low, high = row["overall"]["iqm"]
    return f"**{_two(value)}**", f"{_two(low)} to {_two(high)}"


def _iqm(part: Json | None) -> str:
    return "–" if part is None else _two(part["score"]["iqm"][0])


def _two(value: float) -> str:
    """Two decimals, without a sign before zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def _mean(part: Json) -> str:
    return f"**{part['score']['mean'][0]:.3f}**"


def _metric(family: Json) -> str:
    metric = family["metrics"][0]
    unit = f", {metric['unit']}" if metric["unit"] else ""
    return f"{metric['label']}{unit} {'↑' if metric['higher'] else '↓'}"


def _values(family: Json, part: Json) -> tuple[str, str]:
    """The metric's mean and its value on the worst task."""
    mean = part["metrics"][family["metrics"][0]["name"]][0]
    return f"{mean:.4g}", f"{part['worst']:.4g}"


def _cost(part: Json) -> tuple[str, str, str]:
    """Control steps, labels and minutes of the training."""
    cost = part["cost"]
    counts = [cost["env_steps"], cost["expert_queries"]]
    shown = ["–" if count is None else f"{count:,.0f}".replace(",", "&nbsp;") for count in counts]
    minutes = "–" if cost["hours"] is None else f"{60.0 * cost['hours']:.0f}"
    return shown[0], shown[1], minutes
