"""Every physics keeps the protocol of a batched simulator."""

from __future__ import annotations

import numpy as np

from smile_bench.envs import Family
from smile_bench.envs.simulation import StepResult, sample_starts


def test_starts_come_from_one_generator_in_order(family: Family) -> None:
    simulator = family.make_simulator(3)
    tasks = family.table("train")[:3]
    starts = sample_starts(simulator, np.random.default_rng(0), tasks)
    assert starts.shape == (3, family.state_size)
    rng = np.random.default_rng(0)
    for start, task in zip(starts, tasks, strict=True):
        np.testing.assert_array_equal(start, simulator.sample_start(rng, task))


def test_shapes(family: Family) -> None:
    simulator = family.make_simulator(3)
    tasks = family.table("train")[:3]
    assert simulator.num_envs == 3
    simulator.set_tasks(tasks)
    np.testing.assert_array_equal(simulator.parameters, tasks)
    simulator.reset(sample_starts(simulator, np.random.default_rng(0), tasks))
    assert simulator.observe().shape == (3, family.observation_size)
    assert simulator.time.tolist() == [0.0] * 3
    result = simulator.step(family.random_actions(np.random.default_rng(0), 3))
    assert isinstance(result, StepResult)
    assert result.rewards.shape == (3,)
    assert result.metric_state.shape[0] == 3
    assert {metric.name for metric in family.metrics} <= set(result.info)
    assert {values.shape for values in result.info.values()} == {(3,)}
    assert set(simulator.positions()) <= set(result.info)
    assert simulator.time.tolist() == [family.control_seconds] * 3


def test_a_reset_of_some_episodes_leaves_the_others(family: Family) -> None:
    simulator = family.make_simulator(3)
    tasks = family.table("train")[:3]
    simulator.set_tasks(tasks)
    starts = sample_starts(simulator, np.random.default_rng(0), tasks)
    simulator.reset(starts)
    first = simulator.snapshot()
    simulator.step(family.random_actions(np.random.default_rng(0), 3))
    moved = simulator.snapshot()
    simulator.reset(starts[[1]], np.array([1]))
    np.testing.assert_array_equal(simulator.snapshot()[1], first[1])
    np.testing.assert_array_equal(simulator.snapshot()[[0, 2]], moved[[0, 2]])
