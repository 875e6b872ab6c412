"""Goals: what they are of an observation, rewards by hand, and what lies outside the space."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.arrays import Float32Array
from smile_bench.baselines.unsupervised.goal_space import GoalConfig, GoalSpace, goals_of
from smile_bench.datasets import Context
from smile_bench.errors import InputError

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"
CELLS = GoalConfig(features=tuple(range(64)), one_hot=True)
PLACES = GoalConfig(features=(0, 1), radius=0.5)


def context(observations: Float32Array, family: str) -> Context:
    """Demonstrations (K, T, O) whose next observations are somewhere else."""
    return Context(
        family=family,
        observations=observations,
        actions=None,
        next_observations=observations + 100.0,
    )


def walks(*cells: list[int]) -> Context:
    """Demonstrations on the grid that visit these cells."""
    shown = np.zeros((len(cells), len(cells[0]), 65), np.float32)
    for number, walk in enumerate(cells):
        shown[number, np.arange(len(walk)), walk] = 1.0
    return context(shown, GRID)


def test_features_are_columns_in_their_order_and_all_by_default() -> None:
    observations = torch.arange(12.0).reshape(1, 2, 6)
    space = GoalSpace.of(ANT, PLACES)
    assert space.reached(observations).tolist() == [[[0.0, 1.0], [6.0, 7.0]]]
    swapped = GoalSpace.of(ANT, GoalConfig(features=(3, 1)))
    assert swapped.reached(observations).tolist() == [[[3.0, 1.0], [9.0, 7.0]]]
    assert GoalSpace.of(ANT, GoalConfig()).size == 29


def test_rewards_are_those_counted_by_hand() -> None:
    space = GoalSpace.of(ANT, PLACES)
    before = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]])
    reached = torch.tensor([[0.0, 0.4], [0.3, 0.4], [0.0, 0.0]])
    goals = torch.tensor([[0.0, 1.0], [0.0, 0.0], [6.0, 8.0]])
    expected = {
        "reached": [0.0, 1.0, 0.0],  # 0.6 m, exactly 0.5 m, 10 m
        "distance": [-1.2, -1.0, -20.0],  # in radii of 0.5 m
        "progress": [0.8, -1.0, -10.0],
    }
    for reward, numbers in expected.items():
        config = GoalConfig(features=(0, 1), radius=0.5, reward=reward)  # type: ignore[arg-type]
        found = space.rewards(before, reached, goals, config)
        torch.testing.assert_close(found, torch.tensor(numbers))


def test_a_goal_is_the_last_state_in_which_the_demonstrator_acted() -> None:
    space = GoalSpace.of(GRID, CELLS)
    goals = goals_of([walks([1, 2, 3]), walks([4, 4, 5])], space, "last")
    assert goals.shape == (2, 1, 64)
    assert goals[:, 0].argmax(1).tolist() == [3, 5]


def test_of_several_demonstrations_the_most_central_counts() -> None:
    space = GoalSpace.of(GRID, CELLS)
    shown = walks([1, 2, 9], [5, 6, 7], [8, 8, 7])
    assert goals_of([shown], space, "last")[0, 0].argmax() == 7
    in_turn = goals_of([shown, walks([3, 4])], space, "in turn")
    assert in_turn[0].argmax(1).tolist() == [5, 6, 7]
    assert in_turn[1].argmax(1).tolist() == [3, 4, 4]


def test_typical_is_the_most_frequent_cell_or_the_mean_place_of_second_halves() -> None:
    grid = GoalSpace.of(GRID, CELLS)
    shown = walks([1, 1, 1, 2, 2, 3], [1, 1, 1, 3, 2, 4])
    assert goals_of([shown], grid, "typical")[0, 0].argmax() == 2
    places = np.zeros((1, 4, 29), np.float32)
    places[0, :, 0] = [50.0, 60.0, 1.0, 3.0]
    found = goals_of([context(places, ANT)], GoalSpace.of(ANT, PLACES), "typical")
    assert found.tolist() == [[[2.0, 0.0]]]


def test_goals_inside_the_space_are_one_a_slot() -> None:
    space = GoalSpace.of(ANT, PLACES)
    assert space.checked([1.0, 2.0], 3).tolist() == [[1.0, 2.0]] * 3
    assert space.checked([[1, 2], [3, 4]], 2).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    cell = np.eye(64)[[5]]
    assert GoalSpace.of(GRID, CELLS).checked(cell, 1).argmax() == 5


@pytest.mark.parametrize(
    ("goals", "match"),
    [
        ([1.0, 2.0, 3.0], r"goals of .* have the shape \(2, 2\) here"),
        (np.zeros((3, 2)), r"got \(3, 2\)"),
        ([np.nan, 0.0], "outside the space"),
        ([2e6, 0.0], r"outside the space: \[2000000.0\]"),
        (["here", "there"], "must be an array of numbers"),
    ],
    ids=["length", "slots", "nan", "far", "text"],
)
def test_a_goal_outside_the_space_is_refused(goals: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        GoalSpace.of(ANT, PLACES).checked(goals, 2)


@pytest.mark.parametrize("goal", [np.zeros(64), np.ones(64), np.full(64, 1 / 64), -np.eye(64)[0]])
def test_a_goal_that_is_not_one_cell_is_refused(goal: Float32Array) -> None:
    with pytest.raises(InputError, match="1 in exactly one feature"):
        GoalSpace.of(GRID, CELLS).checked(goal, 2)


@pytest.mark.parametrize("features", [(0, 0), (29,), (-1,)])
def test_columns_that_an_observation_does_not_have_are_refused(features: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="columns of an observation"):
        GoalSpace.of(ANT, GoalConfig(features=features))
