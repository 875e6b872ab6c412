"""Markdown tables of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smile_bench.envs import get_family
from smile_bench.leaderboard.surface import CORNER, Surface
from smile_bench.protocol.statistics import Estimate
from smile_bench.studies.report.measurements import (
    Measurement,
    Spread,
    condition_text,
    higher_is_better,
    largest_gap,
)
from smile_bench.studies.report.paper import SCORE, WORSE
from smile_bench.studies.results import COSTS, CellResult

__all__ = [
    "NONE",
    "TOLERATED",
    "comparison_table",
    "cost_table",
    "decimals",
    "metric_title",
    "number",
    "plain_table",
    "reasons",
    "stability_table",
    "surface_table",
]

NONE = "–"
SPACE = "\N{NO-BREAK SPACE}"
"""Keeps a number and what belongs to it on one line."""
LARGE = 100.0
"""From here on one digit after the point is enough."""
TOLERATED = 0.15
"""Gap between the last and the best checkpoint up to which a training counts as stable."""


def reasons(rows: Sequence[Measurement]) -> dict[str, int]:
    """Sentences of the column "why", numbered from 1 in the order of the rows that show them."""
    texts = dict.fromkeys(row.why for row in rows if row.why and row.ours is not None)
    return {text: number for number, text in enumerate(texts, 1)}


def comparison_table(rows: Sequence[Measurement], why: Mapping[str, int], *, scored: bool) -> str:
    """One metric of the cells of a family beside the paper's numbers.

    Args:
        rows: all of one metric; some with a paper number.
        why: numbers of the sentences that are listed below.
        scored: whether to show the scores.
    """
    digits = decimals(rows)
    pooled = any(row.paper is not None and row.paper.pooled for row in rows)
    head = ["agent", "data", "paper", "ours", "verdict", "deviation", "seeds"]
    head += [*(["pooled sd"] if pooled else []), *(["score (IQM)"] if scored else [])]
    head += _why_head(why)
    lines = []
    for row in rows:
        ours, paper, gap = row.ours, row.paper, row.deviation
        if ours is None and paper is None:
            continue
        lines.append(
            [
                row.cell.agent,
                condition_text(row.cell),
                NONE if paper is None else _plus_minus(paper.mean, paper.sd, digits),
                _spread(ours, digits),
                f"**{row.verdict}**" if row.verdict == WORSE else row.verdict or NONE,
                NONE if gap is None else _signed(gap, digits),
                str(len(row.seeds)),
                *([NONE if ours is None else number(ours.pooled, digits)] if pooled else []),
                *([_interval(row.score)] if scored else []),
                *_why(row, why),
            ]
        )
    return _table(head, lines)


def plain_table(rows: Sequence[Measurement], why: Mapping[str, int]) -> str:
    """All metrics of the cells of a family, without the paper's; ``why`` as above."""
    names = [name for name in dict.fromkeys(row.metric for row in rows) if name != SCORE]
    cells = {row.cell.id: row.cell for row in rows if row.ours is not None}
    found = {(row.cell.id, row.metric): row for row in rows}
    titles = [metric_title(rows[0].cell.family, name) for name in names]
    digits = {name: decimals([row for row in rows if row.metric == name]) for name in names}
    lines = []
    for key, cell in cells.items():
        row = found[key, names[0]]
        metrics = [_spread(found[key, name].ours, digits[name]) for name in names]
        facts = [cell.agent, condition_text(cell), str(len(row.seeds))]
        lines.append([*facts, *metrics, _interval(row.score), *_why(row, why)])
    return _table(["agent", "data", "seeds", *titles, "score (IQM)", *_why_head(why)], lines)


def cost_table(cells: Sequence[CellResult]) -> str:
    """What a training of each cell cost, as means over seeds, and the total of all trainings."""
    lines, totals = [], dict.fromkeys(COSTS, 0.0)
    silent: dict[str, int] = dict.fromkeys(COSTS, 0)
    trainings = 0
    for one in cells:
        if not one.cell.trained:
            continue
        costs = one.costs()
        trainings += len(one.seeds)
        for name, value in costs.items():
            if value is None:
                silent[name] += 1
            else:
                totals[name] += value * len(one.seeds)
        title = get_family(one.cell.family).title
        facts = [title, one.cell.agent, condition_text(one.cell), str(len(one.seeds))]
        lines.append([*facts, *_costs(costs)])
    known = {name: None if silent[name] == len(lines) else totals[name] for name in COSTS}
    whole = _costs(known)
    marks = ["*" if silent[name] and known[name] is not None else "" for name in COSTS]
    lines.append(
        [
            "**all**",
            "",
            "",
            f"**{trainings}**",
            *(f"**{value}**{mark}" for value, mark in zip(whole, marks, strict=True)),
        ]
    )
    head = ["family", "agent", "data", "trainings", "hours", "CPU-hours", "env steps"]
    text = _table([*head, "expert queries"], lines)
    if any(marks):
        text += "\n\\* Of those that state it.\n"
    return text


def stability_table(cells: Sequence[CellResult]) -> str:
    """The largest gap of each cell between the last checkpoint and the best along the way."""
    lines = []
    for one in cells:
        largest = largest_gap(one)
        if largest is None:
            continue
        seed, gap = largest
        ends = one.best_and_last()[seed]
        assert ends is not None
        digits = 1 if max(map(abs, ends)) >= LARGE else 3
        relative = abs(ends[1] - ends[0]) / max(abs(ends[0]), 1e-12)
        lines.append(
            [
                get_family(one.cell.family).title,
                one.cell.agent,
                condition_text(one.cell),
                str(seed),
                number(ends[0], digits),
                number(ends[1], digits),
                f"{100 * relative:.1f} %",
                f"**{number(gap)}, above {TOLERATED}**" if gap > TOLERATED else number(gap),
            ]
        )
    gaps = ["gap", "gap as score"]
    return _table(["family", "agent", "data", "seed", "best", "last", *gaps], lines)


def surface_table(surfaces: Sequence[Surface]) -> str:
    """The two numbers of each surface: its mean in log budget, and its corner."""
    lines = []
    for one in surfaces:
        corner = one.corner
        lines.append(
            [
                get_family(one.first.family).title,
                " ".join([one.first.agent, *(f"{n}={v}" for n, v in one.first.settings)]),
                number(one.mean),
                NONE if corner is None else _interval(corner.score),
                str(one.missing) if one.missing else NONE,
            ]
        )
    demonstrations, tasks = CORNER
    corner_title = f"{demonstrations} demonstrations, {tasks} tasks"
    return _table(["family", "agent", "mean", corner_title, "cells missing"], lines)


def metric_title(family: str, metric: str) -> str:
    """A metric with its unit and an arrow in the good direction."""
    known = {one.name: one for one in get_family(family).metrics}
    unit = f" [{known[metric].unit}]" if metric in known and known[metric].unit else ""
    arrow = "↑" if higher_is_better(family, metric) else "↓"
    name = "mean normalised score" if metric == SCORE else metric.replace("_", " ")
    return f"{name}{unit} {arrow}"


def decimals(rows: Sequence[Measurement]) -> int:
    """Digits after the point for a metric: 3, or 1 if its values are large."""
    means = [row.ours.mean for row in rows if row.ours is not None]
    means += [row.paper.mean for row in rows if row.paper is not None]
    return 1 if any(abs(mean) >= LARGE for mean in means) else 3


def number(value: float | None, digits: int = 3) -> str:
    """A number with digits after the point; a dash for what is unknown."""
    if value is None:
        return NONE
    # Adding zero turns -0.0 into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _signed(value: float, digits: int) -> str:
    text = number(value, digits)
    return text if text.startswith("−") else f"+{text}"


def _plus_minus(mean: float, sd: float | None, digits: int, mark: str = "") -> str:
    """A mean with its standard deviation, on one line."""
    text = f"{mark}{number(mean, digits)}{mark}"
    return text if sd is None else f"{text}{SPACE}±{SPACE}{number(sd, digits)}"


def _spread(found: Spread | None, digits: int) -> str:
    return NONE if found is None else _plus_minus(found.mean, found.over_seeds, digits, "**")


def _why_head(why: Mapping[str, int]) -> list[str]:
    return ["why"] if why else []


def _why(row: Measurement, why: Mapping[str, int]) -> list[str]:
    """The number of a row's sentence; no column if there are no sentences."""
    return [str(why.get(row.why, ""))] if why else []


def _interval(found: Estimate | None) -> str:
    if found is None:
        return NONE
    low, high = number(found.low), number(found.high)
    return f"{number(found.value)}{SPACE}[{low},{SPACE}{high}]"


def _costs(costs: Mapping[str, float | None]) -> list[str]:
    def hours(value: float | None) -> str:
        if value is None:
            return NONE
        return "< 0.01" if 0.0 < value < 36.0 else f"{value / 3600:.2f}"

    def count(value: float | None) -> str:
        return NONE if value is None else f"{value:,.0f}".replace(",", SPACE)

    times = [hours(costs["seconds"]), hours(costs["cpu_seconds"])]
    return [*times, count(costs["env_steps"]), count(costs["expert_queries"])]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)
