"""The condition of an access: what it hands out, what it says of it, and what stays the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smile_bench import load_agent, load_dataset
from smile_bench.access import Access
from smile_bench.datasets import Condition
from smile_bench.datasets.subsets import first_tasks
from smile_bench.envs import get_family
from smile_bench.errors import InputError, UnknownNameError
from smile_bench.protocol.meta_test import load_meta_test
from tests.helpers import synthetic

GRID = "SmileGridGoal-v0"
WORDS = ["1 demonstration", "4 tasks", "33 demonstrations, 8 tasks", "noisy"]


def access(words: str | Condition, **more: object) -> Access:
    return Access(GRID, track="offline", condition=words, **more)  # type: ignore[arg-type]


def test_the_condition_is_what_is_handed_out() -> None:
    given = access("33 demonstrations, 8 tasks")
    shown = given.demonstrations()
    assert shown.observations.shape[:2] == (8, 33)
    chosen = first_tasks(get_family(GRID), 8)
    shipped = load_dataset(GRID).train
    np.testing.assert_array_equal(shown.observations[:, :16], shipped.observations[chosen])
    assert given.counts.demonstrations == 8 * 33
    assert given.tasks() == 8
    assert str(given.condition) == "33 demonstrations, 8 tasks"
    np.testing.assert_array_equal(given.condition.task_indices, chosen)


def test_words_numbers_and_conditions_are_the_same() -> None:
    ways = (
        access("4 demonstrations, 8 tasks"),
        access(Condition(demonstrations=4, tasks=8)),
        Access(GRID, demonstrations=4, tasks=8),
    )
    assert len({way.condition for way in ways}) == 1
    assert len({way.data.digest for way in ways}) == 1
    assert [dict(way.subset) for way in ways] == [{"demonstrations": 4, "tasks": 8}] * 3
    assert access("canonical").subset == {}
    assert Access(GRID).condition.canonical


def test_facts_hold_both_digests() -> None:
    given = access("4 demonstrations, 8 tasks, noisy")
    assert given.data.facts() == {
        "demonstrations": 4,
        "tasks": 8,
        "subsample": 1,
        "variant": "noisy",
        "sha256": Condition.parse("4 demonstrations, 8 tasks, noisy").on(GRID).digest,
        "data_sha256": given.data.dataset.train.digest(),
    }
    assert access("canonical").data.facts()["data_sha256"] == load_dataset(GRID).train.digest()


def test_a_dataset_of_ones_own_states_its_numbers_and_no_condition() -> None:
    own = synthetic.dataset(subsample=5)
    facts = Access(synthetic.FAMILY, dataset=own).data.facts()
    assert facts == {
        "demonstrations": 4,
        "tasks": 3,
        "subsample": 5,
        "variant": "expert",
        "data_sha256": own.train.digest(),
    }
    few = Access(synthetic.FAMILY, dataset=own, demonstrations=2)
    assert (few.condition.demonstrations, few.condition.tasks) == (2, 3)


def test_a_dataset_in_memory_need_not_say_how_it_was_made() -> None:
    own = replace(synthetic.dataset(), attributes={})
    for given in (
        Access(synthetic.FAMILY, dataset=own),
        Access(synthetic.FAMILY, dataset=own, demonstrations=2),
    ):
        assert (given.condition.subsample, given.condition.variant) == (1, "expert")
        assert given.demonstrations().observations.shape[0] == 3


def test_validation_is_the_same_under_each_condition() -> None:
    agent: Any = load_agent("retrieve-and-play", GRID)
    usual = access("canonical")
    scores = usual.validate(agent, episodes=2)
    shown = usual.demonstrations("validation")
    for words in WORDS:
        given = access(words)
        assert given.validate(agent, episodes=2) == scores
        assert given.tasks("validation") == usual.tasks("validation")
        for name in ("observations", "actions", "next_observations"):
            other = getattr(given.demonstrations("validation"), name)
            np.testing.assert_array_equal(other, getattr(shown, name))


@pytest.mark.parametrize("words", WORDS)
def test_meta_test_is_that_of_the_frozen_protocol_under_each_condition(words: str) -> None:
    dataset, meta_test = access(words).data.dataset, load_meta_test(GRID)
    frozen = load_dataset(GRID)
    assert frozen.digest() == meta_test.dataset
    context = (meta_test.tasks, meta_test.demonstrations)
    np.testing.assert_array_equal(
        dataset.test.contexts(*context).observations, frozen.test.contexts(*context).observations
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"condition": "4 demonstratons"}, r"Did you mean '4 demonstrations'\?"),
        ({"condition": "noise"}, r"Did you mean 'noisy'\?"),
        ({"condition": 4}, "the condition is 4; give a Condition, or words such as"),
        ({"condition": {"tasks": 4}}, "give a Condition, or words such as"),
        ({"condition": "4 tasks", "tasks": 4}, "both a condition and a number"),
        ({"condition": "4 tasks", "demonstrations": 4}, "put the number into the condition"),
        ({"condition": "65 tasks"}, "has 64 meta-train tasks, not 65"),
    ],
)
def test_a_condition_that_cannot_be_read_or_met_is_one_clear_line(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises((InputError, UnknownNameError), match=message) as caught:
        Access(GRID, **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
