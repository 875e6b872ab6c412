"""The ranking as Markdown, for people and programs without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from smile_bench.leaderboard.entries.conditions import CANONICAL

__all__ = ["leaderboard_markdown"]

Json = Mapping[str, Any]


def leaderboard_markdown(document: Json) -> str:
    """The tables of a leaderboard document, one for each partition, condition, track and form."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Json) -> Iterator[str]:
    families = document["families"]
    ranked = [family for family in families if family["ranked"]]
    yield "# smile-bench leaderboard"
    yield ""
    yield (
        "Score: interquartile mean of normalised scores over "
        f"{', '.join(_escape(family['title']) for family in ranked)}, with its 95 % bootstrap "
        "interval over training seeds and tasks. 1 is the task's expert, 0 the same expert acting "
        "for another task. A family's cell has the score and, in brackets, the primary metric. "
        "Agents were trained on the canonical demonstrations unless a heading names another "
        "condition. A row with one seed is not ranked above a row whose interval overlaps its own. "
        "On a track without demonstrations a cell also has the coverage, the share of a fixed "
        "partition's cells that training reached."
    )
    for partition in document["partitions"]:
        placed = [
            row
            for row in document["rows"]
            if row["partition"] == partition["id"] and row["place"] is not None
        ]
        for condition, group in groupby(sorted(placed, key=_condition), _condition):
            yield from _section(f"Overall{_words(condition)}", partition)
            yield from _overall(sorted(group, key=lambda row: (row["place"], -_score(row))))
    titles = {partition["id"]: partition for partition in document["partitions"]}
    for (partition, title), group in groupby(document["rows"], _group):
        yield from _section(title, titles[partition])
        yield from _table(list(group), families)
    if document["fine_tuned"]:
        yield ""
        yield from _fine_tuned(document["fine_tuned"], families)
    if document["surfaces"]:
        yield ""
        yield from _surfaces(document["surfaces"], families)
    yield ""
    yield from _published(document["published"], families)


def _section(title: str, partition: Json) -> Iterator[str]:
    yield ""
    yield f"## {title} (protocol {partition['protocol']}, MuJoCo {partition['mujoco']})"
    yield ""


def _condition(row: Json) -> tuple[bool, str]:
    """Sorts rows by condition, the canonical one first."""
    return row["condition"] != CANONICAL, row["condition"]


def _words(condition: tuple[bool, str]) -> str:
    """A condition in a heading; nothing for the canonical one."""
    return f", {condition[1]}" if condition[0] else ""


def _score(row: Json) -> float:
    score: float = row["overall"]["iqm"][0]
    return score


def _overall(rows: Sequence[Json]) -> Iterator[str]:
    """All tracks in one ranking."""
    yield _line(["", "entry", "score", "track", "seeds", "checked"])
    yield _line(["---"] * 6)
    for row in rows:
        seeds = min(len(part["seeds"]) for part in row["families"].values())
        track = row["track"] + (", state-only" if row["state_only"] else "")
        score = _interval(row["overall"]["iqm"])
        cells = [str(row["place"]), _escape(row["title"]), score, track, str(seeds)]
        yield _line([*cells, _checked(row)])


def _checked(row: Json) -> str:
    """What was checked of a row: the status of its replays, and the further checks that it has."""
    more = [name for name in ("retrained", "fresh") if row["checks"][name]]
    return "; ".join([row["status"]["label"], *more])


def _group(row: Json) -> tuple[str, str]:
    if row["apart"]:
        return row["partition"], "not replayed exactly, unranked"
    if row["kind"] == "reference":
        return row["partition"], "references, which see the task"
    form = row["track"] + (", state-only" if row["state_only"] else "")
    return row["partition"], form + _words(_condition(row))


def _table(rows: Sequence[Json], families: Sequence[Json]) -> Iterator[str]:
    headers = ["", "entry", "score", *(_heading(family) for family in families)]
    headers += ["env steps", "expert queries", "checked"]
    yield _line(headers)
    yield _line(["---"] * len(headers))
    for row in rows:
        overall = row["overall"]
        score = "incomplete" if overall is None else _interval(overall["iqm"])
        cells = [
            "–" if row["rank"] is None else str(row["rank"]),
            _escape(row["title"]),
            score,
            *(_cell(row["families"].get(family["id"]), family) for family in families),
            _total(row, "env_steps"),
            _total(row, "expert_queries"),
            _checked(row),
        ]
        yield _line(cells)


def _fine_tuned(rows: Sequence[Json], families: Sequence[Json]) -> Iterator[str]:
    titles = {family["id"]: family["title"] for family in families}
    yield "## Fine-tune: rewarded episodes in the meta-test tasks"
    yield ""
    yield (
        "Ranked within a family and a kind of contexts by the area under the score over "
        "log(1 + n), a mean score, with its 95 % interval. Scores are after n rewarded episodes in "
        "each task; the demonstrator's own score stands beside them. A row with one seed has no "
        "rank."
    )
    yield ""
    numbers = rows[0]["episodes"]
    headers = ["", "entry", "family", "contexts", "area", *(f"n = {n}" for n in numbers)]
    headers += ["demonstrator", "seeds", "checked"]
    yield _line(headers)
    yield _line(["---"] * len(headers))
    for row in rows:
        form = ", state-only" if row["state_only"] else ""
        yield _line(
            [
                "–" if row["rank"] is None else str(row["rank"]),
                _escape(row["title"]),
                _escape(titles[row["family"]]),
                row["contexts"] + form,
                _interval(row["area"]),
                *(f"{score[0]:.3f}" for score in row["scores"]),
                f"{row['demonstrator']:.3f}",
                str(len(row["seeds"])),
                row["status"],
            ]
        )


def _surfaces(surfaces: Sequence[Json], families: Sequence[Json]) -> Iterator[str]:
    titles = {family["id"]: family["title"] for family in families}
    yield "## Budget surfaces, measured apart and not replayed"
    yield ""
    yield (
        "Mean score over demonstrations and tasks in log budget, and the score with 4 "
        "demonstrations of each of 8 tasks."
    )
    yield ""
    yield _line(["agent", "family", "study", "surface", "4 demonstrations, 8 tasks"])
    yield _line(["---"] * 5)
    for one in surfaces:
        mean = f"cells missing: {one['missing']}" if one["mean"] is None else f"{one['mean']:.3f}"
        corner = "–" if one["corner"] is None else _interval(one["corner"])
        names = [one["label"], titles[one["family"]], one["study"]]
        yield _line([*map(_escape, names), mean, corner])


def _published(published: Json, families: Sequence[Json]) -> Iterator[str]:
    yield "## Published, unverified"
    yield ""
    yield (
        f"[{_escape(published['title'])}]({published['address']}), {_escape(published['venue'])}. "
        f"{_escape(published['note'])}"
    )
    yield ""
    shown = [f for f in families if any(f["id"] in row["families"] for row in published["rows"])]
    headers = ["method", "track", *(_heading(family) for family in shown)]
    yield _line(headers)
    yield _line(["---"] * len(headers))
    for row in published["rows"]:
        cells = []
        for family in shown:
            part = row["families"].get(family["id"])
            name = family["metrics"][0]["name"]
            cells.append("–" if part is None else "{:g} ± {:g}".format(*part["metrics"][name]))
        yield _line([_escape(row["title"]), row["track"], *cells])


def _heading(family: Json) -> str:
    metric = family["metrics"][0]
    unit = f", {metric['unit']}" if metric["unit"] else ""
    arrow = "↑" if metric["higher"] else "↓"
    return f"{_escape(family['title'])} ({metric['label']}{unit} {arrow})"


def _cell(part: Json | None, family: Json) -> str:
    if part is None:
        return "–"
    metric = part["metrics"][family["metrics"][0]["name"]][0]
    coverage = part["coverage"]
    covered = "" if coverage is None else f"; coverage {100 * coverage:.0f} %"
    return f"{part['score']['iqm'][0]:.3f} ({metric:.4g}{covered})"


def _interval(estimate: Sequence[float]) -> str:
    value, low, high = estimate
    return f"**{value:.3f}** [{low:.3f}, {high:.3f}]"


def _total(row: Json, cost: str) -> str:
    values = [part["cost"][cost] for part in row["families"].values()]
    return "–" if None in values else f"{sum(values):.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Text that Markdown and its HTML show unchanged."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+.!|~-])", r"\\\1", escaped)
