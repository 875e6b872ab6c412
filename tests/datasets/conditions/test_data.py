"""Demonstrations of conditions: nested, the shipped ones first, and everything else unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smile_bench.datasets import Condition, Dataset, Demonstrations, load_dataset
from smile_bench.datasets.build import BuildConfig
from smile_bench.datasets.collection import Block, collect
from smile_bench.datasets.conditions import condition_dataset, data
from smile_bench.datasets.conditions.cache import load_batch
from smile_bench.datasets.subsets import first_tasks, select
from smile_bench.datasets.variants import VARIANTS
from smile_bench.envs import get_family
from smile_bench.errors import InputError
from smile_bench.experts.policy import load_expert
from tests.helpers import synthetic

GRID, ANT, CHEETAH = "SmileGridGoal-v0", "SmileAntGoal-v0", "SmileHalfCheetahVelocity-v0"


def made(words: str, family: str = GRID) -> Dataset:
    return condition_dataset(Condition.parse(words).on(family))


def assert_same(one: Demonstrations, other: Demonstrations) -> None:
    arrays = other.arrays()
    assert one.arrays().keys() == arrays.keys()
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)


@pytest.mark.parametrize(
    "variant", ["expert", *(pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS[1:])]
)
def test_smaller_conditions_begin_larger_ones(variant: str) -> None:
    """The same first demonstrations of the same tasks, whatever else a condition holds."""
    family = get_family(GRID)
    largest = made(f"64 demonstrations, {variant}").train
    assert (largest.tasks, largest.demonstrations) == (64, 64)
    for demonstrations, tasks in ((1, 16), (4, 4), (16, 64), (64, 1)):
        words = f"{demonstrations} demonstrations, {tasks} tasks, {variant}"
        expected = select(largest, first_tasks(family, tasks), demonstrations)
        assert_same(made(words).train, expected)


def test_no_demonstration_comes_twice() -> None:
    noisy = made("64 demonstrations, noisy").train
    episodes = noisy.observations.reshape(64, 64, -1)
    seen = [len({row.tobytes() for row in task}) for task in episodes]
    # Of 64 episodes of 20 noisy moves a few are alike by chance; those of a batch would be 16.
    assert min(seen) > 40


def test_the_first_of_more_are_those_that_ship() -> None:
    shipped = load_dataset(GRID).train
    more = made("64 demonstrations").train
    assert_same(select(more, np.arange(64), 16), shipped)
    # A batch that is built with the recipe of what ships has the same arrays, too.
    again = load_batch(get_family(GRID), 0, 1, "expert")
    assert again.digest() == shipped.digest()


def test_variants_are_of_the_same_starts_and_other_actions() -> None:
    parts = {variant: made(f"16 demonstrations, {variant}").train for variant in VARIANTS}
    for variant in ("noisy", "medium"):
        np.testing.assert_array_equal(parts[variant].initial_states, parts["expert"].initial_states)
        assert not np.array_equal(parts[variant].actions, parts["expert"].actions)
    success = {variant: float(part.rewards.sum(axis=2).mean()) for variant, part in parts.items()}
    assert success["expert"] > success["noisy"] > success["medium"]


@pytest.mark.parametrize("words", ["1 demonstration", "3 tasks", "17 demonstrations", "noisy"])
def test_everything_but_meta_train_is_as_it_ships(words: str) -> None:
    shipped, dataset = load_dataset(GRID), made(words)
    for split in ("validation", "test"):
        assert dataset.split(split).digest() == shipped.split(split).digest()
    assert dataset.train.digest() != shipped.train.digest()
    condition = Condition.parse(words).on(GRID)
    assert {**dataset.attributes["recipe"], **condition.to_dict()} == dataset.attributes["recipe"]


def test_what_ships_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load_batch", lambda *_: pytest.fail("built"))
    for words in ("canonical", "16 demonstrations, 64 tasks", "4 demonstrations, 8 tasks, expert"):
        assert made(words).train.demonstrations <= 16


def collected(family: str, subsample: int, tasks: int, each: int) -> Mapping[str, NDArray[Any]]:
    """The first demonstrations of the first tasks, as a build collects them."""
    block = Block(
        split="train", first=0, last=tasks, demonstrations=each, subsample=subsample, seed=0
    )
    return collect(get_family(family), load_expert(family), block)


@pytest.mark.slow
def test_subsampling_keeps_transitions_of_the_same_episodes() -> None:
    """Half-cheetah with every transition and with every 20th, from the same initial states."""
    every, some = collected(CHEETAH, 1, 2, 2), collected(CHEETAH, 20, 2, 2)
    np.testing.assert_array_equal(every["initial_states"], some["initial_states"])
    assert every["observations"].shape[2] == 20 * some["observations"].shape[2] == 1000
    times = some["timesteps"]
    for name in ("observations", "actions", "next_observations", "rewards"):
        whole, kept = every[name], some[name]
        for task, which in np.ndindex(2, 2):
            np.testing.assert_allclose(
                whole[task, which, times[task, which]], kept[task, which], rtol=1e-4, atol=1e-4
            )


def test_a_dataset_of_ones_own_is_not_mixed_with_what_ships() -> None:
    own = synthetic.dataset()
    for words in ("noisy", "subsample 5"):
        with pytest.raises(InputError, match="the condition finds its own dataset"):
            condition_dataset(Condition.parse(words).on(ANT), own)
    with pytest.raises(InputError, match="has 32 meta-train tasks, but this dataset has 3"):
        condition_dataset(Condition.parse("2 tasks").on(ANT), own)
    with pytest.raises(InputError, match="Give 1 to 4"):
        condition_dataset(Condition.parse("5 demonstrations").on(ANT), own)
    few = condition_dataset(Condition.parse("2 demonstrations").on(ANT), own)
    assert (few.train.tasks, few.train.demonstrations) == (3, 2)


@pytest.mark.parametrize(("setting", "found"), [({"seed": 3}, "seed 3"), ({}, "seed None")])
def test_a_dataset_that_begins_elsewhere_is_not_continued(
    setting: dict[str, int], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A family's own dataset whose seed is that of a later batch would come twice."""
    shipped = load_dataset(GRID)
    recipe = {**BuildConfig.canonical(GRID).__dict__, **setting}
    if not setting:
        del recipe["seed"]
    altered = replace(shipped, attributes={**shipped.attributes, "recipe": recipe})
    monkeypatch.setattr(data, "load_dataset", lambda _: altered)
    assert made("16 demonstrations").train.demonstrations == 16
    with pytest.raises(InputError, match=f"was built with {found}, and only one with seed 0"):
        made("17 demonstrations")
