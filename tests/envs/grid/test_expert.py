"""The expert is the soft-optimal policy of the true task, and samples from it."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs.grid.expert import GridExpert
from smile_bench.envs.grid.planning import soft_values
from smile_bench.envs.grid.simulator import GridSimulator
from smile_bench.errors import InputError
from tests.envs.grid.grid_goal import FAMILY, cell

TASKS = FAMILY.table("test")


def observations(places: np.ndarray, times: np.ndarray) -> np.ndarray:
    rows = np.zeros((len(places), FAMILY.observation_size))
    rows[np.arange(len(places)), places] = 1.0
    rows[:, -1] = times / FAMILY.horizon
    return rows


def test_policies_are_soft_optimal_in_any_order_and_company() -> None:
    expert = GridExpert(FAMILY)
    first = expert.policies(TASKS[[3, 1]])
    rewards = FAMILY.rewards(TASKS[:4, 1:])
    solved = soft_values(FAMILY.mdp(TASKS[:4, 0]), rewards, FAMILY.horizon).policy
    np.testing.assert_allclose(first, solved[[3, 1]], atol=1e-12)
    again = expert.policies(TASKS[:4])
    np.testing.assert_array_equal(again[[3, 1]], first)
    np.testing.assert_allclose(again, solved, atol=1e-12)


def test_moves_are_sampled_from_the_policy() -> None:
    expert, n, time = GridExpert(FAMILY), 4_000, 4
    seen = observations(np.full(n, cell(1, 2)), np.full(n, time))
    rng = np.random.default_rng(0)
    moves = expert.act(seen, np.tile(TASKS[5], (n, 1)), rng)
    assert moves.dtype == np.float32
    np.testing.assert_array_equal(moves.sum(axis=1), 1.0)
    chances = expert.policies(TASKS[5:6])[0, time, cell(1, 2)]
    assert np.abs(moves.mean(axis=0) - chances).max() < 4 * np.sqrt(0.25 / n)


def test_it_does_better_than_any_move_and_the_simulator_takes_its_moves() -> None:
    expert, rng = FAMILY.computed_expert(), np.random.default_rng(1)
    n = len(TASKS)
    returns = []
    for policy in (expert.act, lambda *_: FAMILY.random_actions(rng, n)):
        simulator = GridSimulator(FAMILY, n)
        simulator.set_tasks(TASKS)
        simulator.reset(np.stack((np.full(n, cell(3, 0)), np.arange(n)), axis=1).astype(float))
        for _ in range(FAMILY.horizon):
            simulator.step(np.asarray(policy(simulator.observe(), TASKS, rng)))
        returns.append(simulator.returns.mean())
    assert returns[0] > returns[1] + 10.0


def test_it_is_the_expert_of_its_family() -> None:
    expert = FAMILY.computed_expert()
    assert isinstance(expert, GridExpert)
    assert FAMILY.computed_expert() is expert
    assert expert.recipe["seconds"] == 0
    moves, features, horizon = expert.arrays
    np.testing.assert_array_equal(moves, FAMILY.moves)
    np.testing.assert_array_equal(features, FAMILY.features)
    assert horizon == FAMILY.horizon


def test_it_needs_a_generator_and_observations_of_its_family() -> None:
    expert, seen = GridExpert(FAMILY), observations(np.array([0]), np.array([0]))
    with pytest.raises(InputError, match="give it rng, a generator"):
        expert.act(seen, TASKS[:1])
    with pytest.raises(InputError, match="is not one of SmileGridGoal-v0"):
        expert.act(2.0 * seen, TASKS[:1], np.random.default_rng(0))
