"""The conditions of an entry: which meta-train demonstrations its trainings state."""

from __future__ import annotations

from collections.abc import Mapping

from smile_bench.datasets.conditions.condition import FamilyCondition, condition_of
from smile_bench.envs import get_family
from smile_bench.errors import LeaderboardError, SmileError, shown
from smile_bench.protocol.result import Result

__all__ = ["CANONICAL", "condition_label", "stated_condition", "states_condition"]

CANONICAL = "canonical"
"""The condition of trainings on the demonstrations that ship, and of agents without a training."""


FIELDS = ("condition", "subset")
"""Of a recipe; earlier versions wrote the second."""


def states_condition(result: Result) -> bool:
    """Whether a result's training states a condition, canonical or not."""
    return any((result.training or {}).get(name) is not None for name in FIELDS)


def stated_condition(result: Result) -> FamilyCondition:
    """The condition that a result's training states; the canonical one if it states none.

    Raises:
        LeaderboardError: what it states is not a condition of the result's family.
    """
    recipe = result.training or {}
    for name in FIELDS:
        stated = recipe.get(name)
        if stated is None:
            continue
        if not isinstance(stated, Mapping) or not isinstance(stated.get("variant", ""), str):
            raise LeaderboardError(
                f'the "{name}" of its training is {shown(stated)}; expected a mapping such as '
                '{"demonstrations": 4, "tasks": 8, "subsample": 1, "variant": "expert"}.'
            )
    try:
        return condition_of(recipe).on(result.family)
    except SmileError as error:
        raise LeaderboardError(f"its training states an impossible condition: {error}") from error


def condition_label(conditions: Mapping[str, FamilyCondition]) -> str:
    """What the leaderboard calls the condition of an entry, or of its part on one family.

    Args:
        conditions: family to condition.

    Returns:
        ``"canonical"`` if each family has its canonical condition, else the condition in words,
        family by family where the families have different ones.
    """
    if all(one.canonical for one in conditions.values()):
        return CANONICAL
    words = {family: str(one) for family, one in conditions.items()}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return "; ".join(
        f"{get_family(family).title}: {CANONICAL if one.canonical else words[family]}"
        for family, one in conditions.items()
    )
