"""The nested order of meta-train tasks is frozen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from smile_bench.datasets.subsets import first_tasks, select, task_order
from smile_bench.envs import all_families, get_family
from smile_bench.errors import InputError
from tests.helpers import synthetic

FIRST = {
    "SmileAntGoal-v0": [0, 16, 8, 24, 4, 12, 20, 28],
    "SmileAntLinearClassification-v0": [0, 6, 7, 54, 5, 15, 10, 28],
    "SmileGridGoal-v0": [0, 62, 39, 23, 2, 9, 5, 1],
    "SmileHalfCheetahVelocity-v0": [0, 30, 15, 7, 22, 11, 26, 3],
    "SmileWalkerDynamics-v0": [0, 17, 40, 18, 48, 28, 34, 15],
}
"""Published: conditions of studies rest on it."""


@pytest.mark.parametrize("family", FIRST)
def test_the_order_is_frozen(family: str) -> None:
    assert task_order(get_family(family))[:8].tolist() == FIRST[family]


def test_every_family_that_ships_is_pinned() -> None:
    shipped = {name for name, f in all_families().items() if "smile_bench" in type(f).__module__}
    assert shipped <= set(FIRST)


@pytest.mark.parametrize("family", FIRST)
def test_subsets_are_nested_and_end_with_every_task(family: str) -> None:
    declared = get_family(family)
    total = len(declared.table("train"))
    subsets = [set(first_tasks(declared, number).tolist()) for number in range(1, total + 1)]
    assert [len(subset) for subset in subsets] == list(range(1, total + 1))
    assert all(small < large for small, large in pairwise(subsets))
    np.testing.assert_array_equal(first_tasks(declared, total), np.arange(total))


def test_a_few_tasks_span_the_family() -> None:
    velocities = get_family("SmileHalfCheetahVelocity-v0").table("train")[:, 0]
    chosen = first_tasks(get_family("SmileHalfCheetahVelocity-v0"), 4)
    assert np.diff(velocities[chosen]).max() <= 1.6
    assert velocities[chosen].max() == velocities.max()


@pytest.mark.parametrize("number", [0, -1, 33, True])
def test_a_number_that_the_family_does_not_have_is_refused(number: int) -> None:
    with pytest.raises(InputError, match=r"has 32 meta-train tasks, not .*Give 1 to 32"):
        first_tasks(get_family("SmileAntGoal-v0"), number)


def test_select_keeps_whole_demonstrations() -> None:
    part = synthetic.demonstrations("train", subsample=2)
    chosen = select(part, np.array([0, 2]), 3)
    assert (chosen.tasks, chosen.demonstrations) == (2, 3)
    kept = chosen.arrays()
    for name, array in part.arrays().items():
        of_task = name in ("task_parameters", "replay_actions")
        expected = array[[0, 2]] if of_task else array[[0, 2], :3]
        np.testing.assert_array_equal(kept[name], expected, err_msg=name)


@pytest.mark.parametrize("number", [0, 5, True])
def test_more_demonstrations_than_there_are_are_refused(number: int) -> None:
    with pytest.raises(InputError, match="has 4 demonstrations of each meta-train task, not"):
        select(synthetic.demonstrations("train"), np.array([0]), number)


@pytest.mark.parametrize("tasks", [[-1], [3], [True, False, True]])
def test_tasks_that_there_are_not_are_refused(tasks: list[int]) -> None:
    with pytest.raises(InputError, match="the index of tasks is an integer from 0 to 2"):
        select(synthetic.demonstrations("train"), np.array(tasks), 2)
