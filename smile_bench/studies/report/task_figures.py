"""Figures over a family's meta-test tasks and context sizes, in the paper's form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs import Family, get_family
from smile_bench.leaderboard.page.document import plot_kind
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.studies.report.drawing import EXPERT, Canvas, Style, band, even_columns
from smile_bench.studies.report.measurements import condition_text
from smile_bench.studies.results import CellResult

__all__ = ["shots_figure", "task_figure"]

Styles = Mapping[str, Style]
Groups = Mapping[str, Sequence[CellResult]]


def task_figure(family: str, cells: Sequence[CellResult], styles: Styles) -> tuple[Canvas, str]:
    """The primary metric on each meta-test task, one panel a condition.

    Args:
        family: the family's id.
        cells: those on it, with results.
        styles: by agent.

    Returns:
        The figure and its caption. Tasks on a circle give a polar plot, tasks with one parameter a
        plot over it, experts that differ between tasks a scatter plot against them.
    """
    draw = _KINDS[plot_kind(get_family(family))]
    return draw(get_family(family), cells, styles)


def shots_figure(
    family: str, cells: Sequence[CellResult], styles: Styles
) -> tuple[Canvas, str] | None:
    """The primary metric over the number of demonstrations in the context, one panel a condition.

    Returns:
        The figure and its caption; None for a family with one context size.
    """
    facts = get_family(family)
    sizes = np.array(facts.context_sizes)
    if len(sizes) < 2:
        return None
    groups = _by_condition(cells)
    canvas = Canvas(len(groups), columns=_columns(cells, len(groups)))
    references = load_meta_test(family).references
    name = facts.metric.name
    for number, (title, group) in enumerate(groups.items()):
        panel = canvas.titled(number, title)
        panel.axhline(np.mean(references.expert[name]), label="expert", **EXPERT)
        for one in group:
            values = np.stack([np.nanmean(one.at_shots(size), axis=1) for size in sizes], axis=1)
            style = styles[one.cell.agent]
            band(panel, sizes, values, _name(one, groups), style)
        panel.set_xticks(sizes)
    canvas.labelled("demonstrations in the context", _metric_text(facts))
    canvas.legend()
    return canvas, (
        f"{facts.title}: {_metric_text(facts)} over the number of demonstrations in the context. "
        "Lines are means over tasks and seeds, bands the standard deviation over seeds."
    )


def _polar(family: Family, cells: Sequence[CellResult], styles: Styles) -> tuple[Canvas, str]:
    from matplotlib.ticker import MaxNLocator

    groups = _by_condition(cells)
    canvas = Canvas(len(groups), (3.0, 3.0), columns=3, polar=True)
    table = family.table("test")
    angles = np.arctan2(table[:, 1], table[:, 0])
    turn = np.argsort(angles % (2 * np.pi))
    turn = np.append(turn, turn[0])
    expert = load_meta_test(family.id).references.expert[family.metric.name]
    top = _largest(cells)
    ticks = MaxNLocator(4).tick_values(0, top)
    for number, (title, group) in enumerate(groups.items()):
        panel = canvas.titled(number, title)
        panel.plot(angles[turn], expert[turn], label="expert", **EXPERT)
        for one in group:
            band(
                panel,
                angles[turn],
                one.metrics()[:, turn],
                _name(one, groups),
                styles[one.cell.agent],
            )
        panel.set_rlim(0, top)
        panel.set_rticks([tick for tick in ticks if 0 < tick <= top])
        panel.set_rlabel_position(90)
        panel.set_xticks(np.arange(8) * np.pi / 4)
    canvas.legend()
    return canvas, (
        f"{family.title}: {_metric_text(family)} by the direction of the meta-test goal; the "
        "centre is 0. Lines are means over seeds, bands the standard deviation over seeds."
    )


def _over_parameter(
    family: Family, cells: Sequence[CellResult], styles: Styles
) -> tuple[Canvas, str]:
    groups = _by_condition(cells)
    canvas = Canvas(len(groups), columns=_columns(cells, len(groups)))
    table = family.table("test")
    one_parameter = table.shape[1] == 1
    x = table[:, 0] if one_parameter else np.arange(float(len(table)))
    label = family.parameter_names[0].replace("_", " ") if one_parameter else "meta-test task"
    order = np.argsort(x)
    expert = load_meta_test(family.id).references.expert[family.metric.name]
    for number, (title, group) in enumerate(groups.items()):
        panel = canvas.titled(number, title)
        panel.plot(x[order], expert[order], label="expert", **EXPERT)
        for one in group:
            style = styles[one.cell.agent]
            band(panel, x[order], one.metrics()[:, order], _name(one, groups), style)
    if not family.metric.higher_is_better:
        canvas.panels[0].set_ylim(0, None)
    canvas.labelled(label, _metric_text(family))
    canvas.legend()
    return canvas, (
        f"{family.title}: {_metric_text(family)} over the {label}. Lines are means over seeds, "
        "bands the standard deviation over seeds."
    )


def _against_expert(
    family: Family, cells: Sequence[CellResult], styles: Styles
) -> tuple[Canvas, str]:
    agents = {(one.cell.agent, one.cell.changes) for one in cells}
    canvas = Canvas(len(cells), (2.5, 2.4), even_columns(len(cells), len(agents)))
    name = family.metric.name
    references = load_meta_test(family.id).references
    expert, blind = references.expert[name], references.blind[name]
    several = len(_by_condition(cells)) > 1
    for number, one in enumerate(cells):
        title = one.cell.agent + (f"\n{condition_text(one.cell)}" if several else "")
        panel, style = canvas.titled(number, title), styles[one.cell.agent]
        values = one.metrics()
        ends = [min(expert.min(), blind.min()), max(expert.max(), np.nanmax(values))]
        panel.plot(ends, ends, label="as good as the expert", **EXPERT)
        panel.plot(expert, blind, "x", color="0.6", markersize=3.5, label="task-blind expert")
        panel.errorbar(
            expert,
            values.mean(axis=0),
            values.std(axis=0, ddof=1) if len(values) > 1 else None,
            fmt=style.marker,
            color=style.color,
            markersize=3.5,
            elinewidth=0.8,
            linestyle="none",
        )
    canvas.labelled(f"{_metric_text(family)}, expert", f"{_metric_text(family)}, agent")
    canvas.legend()
    return canvas, (
        f"{family.title}: {_metric_text(family)} of the agent on each meta-test task against that "
        "of the task's expert. Points are means over seeds, bars the standard deviation over seeds."
    )


_Draw = Callable[[Family, Sequence[CellResult], Styles], tuple[Canvas, str]]
_KINDS: dict[str, _Draw] = {
    "circle": _polar,
    "line": _over_parameter,
    "scatter": _against_expert,
    "shots": _over_parameter,
}


def _by_condition(cells: Sequence[CellResult]) -> Groups:
    """Cells by condition; agents that are not trained are in every group."""
    untrained = [one for one in cells if not one.cell.trained]
    groups: dict[str, list[CellResult]] = {}
    for one in cells:
        if one.cell.trained:
            title = str(one.cell.condition.on(one.cell.family))
            groups.setdefault(title, []).append(one)
    if not groups:
        return {"not trained": untrained}
    return {title: [*group, *untrained] for title, group in groups.items()}


def _columns(cells: Sequence[CellResult], panels: int) -> int:
    """A column for each number of demonstrations where that gives whole rows."""
    trained = [one.cell.condition.on(one.cell.family) for one in cells if one.cell.trained]
    return even_columns(panels, len({one.demonstrations for one in trained}))


def _name(one: CellResult, groups: Groups) -> str:
    """The agent, with its settings where a panel has it twice."""
    twice = any(
        sum(other.cell.agent == one.cell.agent for other in group) > 1 for group in groups.values()
    )
    settings = " ".join(f"{name}={value}" for name, value in one.cell.changes)
    return f"{one.cell.agent} {settings}".strip() if twice else one.cell.agent


def _metric_text(family: Family) -> str:
    name = family.metric.name.replace("_", " ")
    return f"{name} [{family.metric.unit}]" if family.metric.unit else name


def _largest(cells: Sequence[CellResult]) -> float:
    """Somewhat more than the largest mean of a cell with its standard deviation."""
    tops: list[FloatArray] = []
    for one in cells:
        values = one.metrics()
        spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
        tops.append(values.mean(axis=0) + spread)
    return 1.05 * float(np.nanmax(np.stack(tops)))
