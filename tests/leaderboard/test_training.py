from __future__ import annotations

from typing import Any

import pytest

from smile_bench.leaderboard.training import Training, training_of
from tests.helpers.made_entries import ANT, result


def said(**facts: Any) -> Training | None:
    return training_of(result(ANT, training=facts))


def test_without_a_recipe_nothing_is_known() -> None:
    assert training_of(result(ANT, training=None)) is None


def test_facts_are_those_that_the_recipe_says() -> None:
    found = said(seed=3, track="interactive", seconds=60, access={"env_steps": 5})
    assert found == Training(seed=3, track="interactive", seconds=60, env_steps=5, expert_queries=0)
    assert said(settings={"seed": 4}) == Training(
        seed=4, track=None, seconds=None, env_steps=None, expert_queries=None
    )
    assert said(track="offline") == Training(
        seed=None, track="offline", seconds=None, env_steps=0, expert_queries=0
    )


@pytest.mark.parametrize(
    ("facts", "track"),
    [
        ({}, "offline"),
        ({"track": "interactive"}, "interactive"),
        ({"track": "offline", "access": {"env_steps": 1}}, "interactive"),
        ({"track": "interactive", "access": {"expert_queries": 1}}, "expert-queries"),
        ({"track": "expert-queries", "access": {"env_steps": 1}}, "expert-queries"),
    ],
)
def test_the_least_track_allows_what_was_used_and_said(facts: dict[str, Any], track: str) -> None:
    found = said(**facts)
    assert found is not None
    assert found.least_track == track
