"""Results as lines of text."""

from __future__ import annotations

from smile_bench.envs import Family, get_family
from smile_bench.protocol.result import Result

__all__ = ["result_row", "table_header"]


def table_header(family: Family) -> str:
    """The header of a table of results on a family."""
    arrows = {True: "↑", False: "↓"}
    metrics = "".join(f"{m.name + arrows[m.higher_is_better]:>18}" for m in family.metrics)
    return f"{'agent':24}{'score':>8}{'IQM':>8}{metrics}{'worst task':>14}{'seconds':>10}"


def result_row(result: Result) -> str:
    """A result as a row of that table."""
    family = get_family(result.family)
    metrics = "".join(f"{result.metrics[m.name]:18.4g}" for m in family.metrics)
    worst = family.metric.worst(result.per_task())
    seconds = sum(result.seconds.values())
    scores = f"{result.score:8.3f}{result.iqm:8.3f}"
    return f"{result.agent:24}{scores}{metrics}{worst:14.4g}{seconds:10.1f}"
