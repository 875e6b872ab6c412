"""What every family offers: tasks, spaces, actions and checks of initial states."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from smile_bench.envs import Family
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError, UnknownNameError


@pytest.mark.parametrize("index", [-1, 10_000, 1.0, "1", None])
def test_unknown_task(family: Family, index: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"has no test task .*give an integer from 0 to"):
        family.task("test", index)


def test_unknown_split(family: Family) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown split 'tset'. Did you mean 'test'\?"):
        family.task("tset", 0)


def test_tasks_are_rows_of_the_tables(family: Family) -> None:
    task = family.task("test", 1)
    assert (task.family, task.split, task.index) == (family.id, "test", 1)
    assert task.parameters == tuple(family.table("test")[1])


def test_the_primary_metric_is_the_first(family: Family) -> None:
    assert family.metric is family.metrics[0]
    values = np.array([1.0, 3.0, 2.0])
    assert family.metric.worst(values) == (1.0 if family.metric.higher_is_better else 3.0)


def test_the_observation_space_is_that_of_the_environments(family: Family) -> None:
    env = gym.make(family.id)
    assert env.observation_space == family.observation_space
    assert env.action_space == family.action_space
    assert family.observation_space.shape == (family.observation_size,)
    assert family.observation_space.dtype == np.float64


def test_random_and_admissible_actions_are_taken_by_simulators(family: Family) -> None:
    rng = np.random.default_rng(0)
    simulator = family.make_simulator(3)
    tasks = family.table("train")[:3]
    simulator.set_tasks(tasks)
    simulator.reset(sample_starts(simulator, rng, tasks))
    random = family.random_actions(rng, 3)
    outputs = rng.uniform(-1, 1, (3, family.action_size))
    admissible = family.admissible(outputs)
    for actions in (random, admissible):
        assert actions.shape == (3, family.action_size)
        simulator.step(actions)
    assert simulator.steps.tolist() == [2, 2, 2]
    if isinstance(family.action_space, spaces.Discrete):
        np.testing.assert_array_equal(admissible.argmax(axis=1), outputs.argmax(axis=1))
        np.testing.assert_array_equal(random.sum(axis=1), 1.0)
    else:
        np.testing.assert_array_equal(admissible, outputs.astype(np.float32))


def test_initial_states_are_checked(family: Family) -> None:
    state = np.zeros(family.state_size)
    checked = family.require_states(state.tolist(), ())
    np.testing.assert_array_equal(checked, state, strict=True)
    kept = family.require_states(state, ())
    kept[0] = 1.0
    assert state[0] == 0.0
    with pytest.raises(InputError, match=rf"is {family.state_size} finite numbers .*shape \(2, "):
        family.require_states(state, (2,))
    with pytest.raises(InputError, match="with non-finite numbers"):
        family.require_states(np.full(family.state_size, np.inf), ())
