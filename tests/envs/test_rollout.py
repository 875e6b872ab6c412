"""The loop shows each step as it was taken, and the caller may change the simulator between two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smile_bench.envs import Family
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import BatchSimulator, sample_starts
from smile_bench.errors import InputError


def started(family: Family) -> BatchSimulator:
    simulator = family.make_simulator(2, threads=1)
    tasks = family.table("train")[:2]
    simulator.set_tasks(tasks)
    simulator.reset(sample_starts(simulator, np.random.default_rng(0), tasks))
    return simulator


def test_steps_are_those_of_the_simulator(family: Family) -> None:
    simulator, alone = started(family), started(family)
    actions = [family.random_actions(np.random.default_rng(seed), 2) for seed in range(6)]
    queue = iter(actions)
    seen: list[Any] = []

    def act(observations: Any) -> Any:
        seen.append(observations)
        return next(queue)

    for k, step in enumerate(rollout(simulator, act, 6)):
        assert step.time == k
        np.testing.assert_array_equal(step.observations, alone.observe())
        assert step.observations is seen[k]
        assert step.actions is actions[k]
        expected = alone.step(actions[k])
        np.testing.assert_array_equal(step.result.rewards, expected.rewards)
        np.testing.assert_array_equal(step.result.metric_state, expected.metric_state)
    assert len(seen) == 6
    assert simulator.steps.tolist() == [6, 6]


def test_the_next_step_starts_from_where_the_caller_put_the_episodes(family: Family) -> None:
    simulator = started(family)
    start, shown = simulator.state(), []
    for step in rollout(simulator, lambda _: family.random_actions(np.random.default_rng(1), 2), 4):
        shown.append(step.observations)
        simulator.set_state(start)
    # A grid also shows the time.
    size = family.observation_size - 1
    for observations in shown[1:]:
        np.testing.assert_array_equal(observations[:, :size], shown[0][:, :size])


def test_it_takes_no_step_before_it_is_asked(family: Family) -> None:
    simulator = started(family)
    steps = rollout(simulator, lambda _: family.random_actions(np.random.default_rng(1), 2), 3)
    assert simulator.steps.tolist() == [0, 0]
    next(steps)
    assert simulator.steps.tolist() == [1, 1]


def test_errors_of_the_simulator_pass(family: Family) -> None:
    with pytest.raises(InputError, match="actions must be"):
        next(rollout(started(family), lambda _: np.zeros((2, 99)), 1))
