"""Budget surfaces as JSON-able data."""

from __future__ import annotations

from collections.abc import Sequence

from smile_bench.datasets.conditions.condition import Condition
from smile_bench.leaderboard.checks.study import StudyCell
from smile_bench.leaderboard.page.row_data import Json, estimate_data, shown_number
from smile_bench.leaderboard.surface import Measured, Surface, surfaces

__all__ = ["surfaces_data"]


def surfaces_data(cells: Sequence[StudyCell]) -> list[Json]:
    """The surfaces of several studies, in the order of their first cells."""
    return [_surface(surface) for surface in surfaces(cells)]


def _surface(surface: Surface) -> Json:
    first, corner = surface.first, surface.corner
    return {
        "study": first.study,
        "label": _label(first),
        "agent": first.agent,
        "family": first.family,
        "track": first.track,
        "state_only": first.state_only,
        "settings": dict(first.settings),
        "subsample": first.condition.subsample,
        "variant": first.condition.variant,
        "demonstrations": list(surface.demonstrations),
        "tasks": list(surface.tasks),
        "cells": [[None if one is None else _cell(one) for one in row] for row in surface.cells],
        "missing": surface.missing,
        "mean": shown_number(surface.mean),
        "corner": None if corner is None else estimate_data(corner.score),
    }


def _label(cell: StudyCell) -> str:
    """The agent, with what differs from its preset and from the family's usual demonstrations."""
    usual = Condition().on(cell.family)
    more = [f"{name}={value}" for name, value in cell.settings]
    if cell.state_only and "state-only" not in cell.agent:
        more.append("state-only")
    if cell.condition.subsample != usual.subsample:
        more.append(f"subsample {cell.condition.subsample}")
    if cell.condition.variant != usual.variant:
        more.append(cell.condition.variant)
    return f"{cell.agent} ({', '.join(more)})" if more else cell.agent


def _cell(one: Measured) -> Json:
    cell, cost = one.cell, one.cell.cost
    return {
        "condition": str(cell.condition),
        "score": estimate_data(one.score),
        "metric": shown_number(one.metric),
        "seeds": list(cell.seeds),
        "best": [shown_number(x) for x in cell.best],
        "last": [shown_number(x) for x in cell.last],
        "cost": {
            "seconds": shown_number(cost.seconds),
            "cpu_seconds": shown_number(cost.cpu_seconds),
            "env_steps": shown_number(cost.env_steps),
            "expert_queries": shown_number(cost.expert_queries),
        },
    }
