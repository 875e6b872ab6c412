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
    "metric_title",
    "number",
    "plain_table",
    "stability_table",
    "surface_table",
]

NONE = "–"
TOLERATED = 0.15
"""Gap between the last and the best checkpoint up to which a training counts as stable."""


def comparison_table(rows: Sequence[Measurement]) -> str:
    """One metric of the cells of a family beside the paper's numbers.

    Args:
        rows: all of one metric; some with a paper number.
    """
    pooled = any(row.paper is not None and row.paper.pooled for row in rows)
    spreads = ["sd over tasks and seeds"] if pooled else []
    head = ["agent", "data", "seeds", "paper", "ours", "sd over seeds", *spreads]
    head += ["ours − paper", "verdict", "score (IQM)", "why"]
    lines = []
    for row in rows:
        if row.ours is None and row.paper is None:
            continue
        ours, paper = row.ours, row.paper
        lines.append(
            [
                row.cell.agent,
                condition_text(row.cell),
                str(len(row.seeds)),
                NONE if paper is None else f"{number(paper.mean)} ± {number(paper.sd)}",
                NONE if ours is None else f"**{number(ours.mean)}**",
                NONE if ours is None else number(ours.over_seeds),
                *([NONE if ours is None else number(ours.pooled)] if pooled else []),
                NONE if row.deviation is None else f"{_sign(row.deviation)}",
                f"**{row.verdict}**" if row.verdict == WORSE else row.verdict or NONE,
                _interval(row.score),
                row.why,
            ]
        )
    return _table(head, lines)


def plain_table(rows: Sequence[Measurement]) -> str:
    """All metrics of the cells of a family, without the paper's."""
    names = [name for name in dict.fromkeys(row.metric for row in rows) if name != SCORE]
    cells = {row.cell.id: row.cell for row in rows if row.ours is not None}
    found = {(row.cell.id, row.metric): row for row in rows}
    titles = [metric_title(rows[0].cell.family, name) for name in names]
    lines = []
    for key, cell in cells.items():
        row = found[key, names[0]]
        metrics = [_spread(found[key, name].ours) for name in names]
        facts = [cell.agent, condition_text(cell), str(len(row.seeds))]
        lines.append([*facts, *metrics, _interval(row.score), row.why])
    return _table(["agent", "data", "seeds", *titles, "score (IQM)", "why"], lines)


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
        share = f"{100 * gap:.1f} %"
        lines.append(
            [
                get_family(one.cell.family).title,
                one.cell.agent,
                condition_text(one.cell),
                str(seed),
                number(ends[0]),
                number(ends[1]),
                f"**{share}, above {100 * TOLERATED:.0f} %**" if gap > TOLERATED else share,
            ]
        )
    return _table(["family", "agent", "data", "seed", "best", "last", "gap"], lines)


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


def number(value: float | None) -> str:
    """Three decimals, one from 100 on; a dash for what is unknown."""
    if value is None:
        return NONE
    text = f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"
    return text.replace("-", "−")


def _sign(value: float) -> str:
    return f"+{number(value)}" if value >= 0.0 else number(value)


def _spread(found: Spread | None) -> str:
    if found is None:
        return NONE
    sd = "" if found.over_seeds is None else f" ± {number(found.over_seeds)}"
    return f"**{number(found.mean)}**{sd}"


def _interval(found: Estimate | None) -> str:
    if found is None:
        return NONE
    return f"{number(found.value)} [{number(found.low)}, {number(found.high)}]"


def _costs(costs: Mapping[str, float | None]) -> list[str]:
    def hours(value: float | None) -> str:
        return NONE if value is None else f"{value / 3600:.2f}"

    def count(value: float | None) -> str:
        return NONE if value is None else f"{value:,.0f}".replace(",", " ")

    times = [hours(costs["seconds"]), hours(costs["cpu_seconds"])]
    return [*times, count(costs["env_steps"]), count(costs["expert_queries"])]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)
