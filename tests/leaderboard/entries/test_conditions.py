from __future__ import annotations

from typing import Any

import pytest

from smile_bench.datasets.conditions import Condition
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.entries.conditions import (
    condition_label,
    stated_condition,
    states_condition,
)
from tests.helpers.made_entries import ANT, CHEETAH, WALKER, result, training

FEW = {"demonstrations": 4, "tasks": 8, "subsample": 1, "variant": "expert"}


def trained_with(stated: Any, name: str = "condition") -> Any:
    return result(ANT, training=training(0, **{name: stated}))


def test_a_recipe_states_the_condition() -> None:
    assert stated_condition(trained_with(FEW)) == Condition(demonstrations=4, tasks=8).on(ANT)
    former = trained_with({"demonstrations": 2, "tasks": None}, "subset")
    assert stated_condition(former) == Condition(demonstrations=2).on(ANT)
    assert states_condition(former)


def test_what_states_nothing_is_canonical() -> None:
    for made in (result(ANT), result(ANT, training=None), trained_with(None)):
        assert stated_condition(made).canonical
        assert not states_condition(made)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("4 demonstrations", "the \"condition\" of its training is '4 demonstrations'; expected"),
        ({"variant": ["expert"]}, "expected a mapping"),
        ({"demonstrations": "4"}, "impossible condition: demonstrations is '4'"),
        ({"demonstrations": 4, "tasks": 33}, "impossible condition"),
        ({"variant": "expret"}, "impossible condition: unknown variant 'expret'"),
        ({"demonstrations": 0}, "impossible condition"),
    ],
)
def test_an_impossible_condition_is_one_clear_error(stated: Any, message: str) -> None:
    with pytest.raises(LeaderboardError, match=message):
        stated_condition(trained_with(stated))


def test_a_label_says_what_differs() -> None:
    def label(**given: Condition) -> str:
        families = {"ant": ANT, "cheetah": CHEETAH, "walker": WALKER}
        return condition_label({families[k]: c.on(families[k]) for k, c in given.items()})

    few, canonical = Condition(demonstrations=4), Condition()
    assert label(ant=canonical, walker=canonical) == "canonical"
    # 16 demonstrations are canonical of ants, and half of what walkers have.
    assert label(ant=Condition(demonstrations=16)) == "canonical"
    assert label(ant=few, cheetah=few) == "4 demonstrations, all tasks"
    assert label(ant=few, cheetah=canonical) == (
        "Ant goal: 4 demonstrations, all tasks; Half-cheetah velocity: canonical"
    )
