"""The batched simulator: episodes are independent, and continue from a snapshot."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs import MujocoFamily
from smile_bench.envs.mujoco.simulator import Simulator, available_threads
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError, SimulationError


def started(family: MujocoFamily, n: int = 3) -> Simulator:
    simulator = Simulator(family, n, threads=1)
    parameters = family.tasks["train"][:n]
    simulator.set_tasks(parameters)
    rng = np.random.default_rng(0)
    simulator.reset(sample_starts(simulator, rng, parameters))
    return simulator


def test_unstable_environments_are_named_until_they_are_reset(family: MujocoFamily) -> None:
    simulator = started(family)
    actions = np.zeros((3, family.body.actions))
    simulator.step(actions)
    simulator.qvel[1, 0] = np.inf
    for step in (2, 3):
        with pytest.raises(
            SimulationError, match=rf"environments \[1\] at control steps \[{step}\]"
        ):
            simulator.step(actions)
    state = simulator.sample_start(np.random.default_rng(0), simulator.parameters[1])
    simulator.reset(state[None], np.array([1]))
    simulator.step(actions)
    assert simulator.steps.tolist() == [4, 1, 4]
    assert np.isfinite(simulator.observe()).all()


def test_inactive_environments_keep_their_state(family: MujocoFamily) -> None:
    simulator, alone = started(family), started(family)
    actions = np.random.default_rng(1).uniform(-1, 1, (3, family.body.actions))
    before = simulator.qpos.copy()
    simulator.step(actions, active=np.array([True, False, True]))
    alone.step(actions)
    assert simulator.steps.tolist() == [1, 0, 1]
    assert simulator.time.tolist() == [family.body.dt, 0.0, family.body.dt]
    np.testing.assert_array_equal(simulator.qpos[1], before[1])
    np.testing.assert_array_equal(simulator.qpos[[0, 2]], alone.qpos[[0, 2]])


def test_an_episode_does_not_depend_on_its_slot_or_company(family: MujocoFamily) -> None:
    together = started(family)
    alone = Simulator(family, 1, threads=1)
    alone.set_tasks(together.parameters[2:])
    alone.reset(np.concatenate((together.qpos, together.qvel, together.episode), axis=1)[2:])
    for actions in np.random.default_rng(2).uniform(-1, 1, (25, 3, family.body.actions)):
        rewards = together.step(actions).rewards[2:]
        np.testing.assert_array_equal(alone.step(actions[2:]).rewards, rewards)
    np.testing.assert_array_equal(alone.observe(), together.observe()[2:])


def test_reset_forgets_the_episode_before(family: MujocoFamily) -> None:
    """Warm start, controls and metric state included."""
    used, fresh = started(family), started(family)
    states = np.concatenate((fresh.qpos, fresh.qvel, fresh.episode), axis=1)
    rng = np.random.default_rng(3)
    for actions in rng.uniform(-1, 1, (10, 3, family.body.actions)):
        used.step(actions)
    used.reset(states)
    for actions in rng.uniform(-1, 1, (10, 3, family.body.actions)):
        one, other = used.step(actions), fresh.step(actions)
        for key, values in other.info.items():
            np.testing.assert_array_equal(one.info[key], values)
    np.testing.assert_array_equal(used.observe(), fresh.observe())


def test_a_restored_simulator_continues(family: MujocoFamily) -> None:
    """With the same steps and metric state; the solver's warm start moves only the last bits."""
    simulator, restored = started(family), started(family)
    rng = np.random.default_rng(4)
    before, after = rng.uniform(-1, 1, (2, 15, 3, family.body.actions))
    for actions in before:
        simulator.step(actions)
    snapshot = simulator.snapshot()
    restored.restore(snapshot)
    np.testing.assert_array_equal(restored.snapshot(), snapshot)
    np.testing.assert_array_equal(restored.observe(), simulator.observe())
    np.testing.assert_array_equal(restored.metric_state, simulator.metric_state)
    assert restored.steps.tolist() == [15] * 3
    assert restored.time.tolist() == simulator.time.tolist()
    for actions in after:
        expected, given = simulator.step(actions), restored.step(actions)
        np.testing.assert_allclose(given.rewards, expected.rewards, rtol=1e-8, atol=1e-8)
        for name, values in expected.info.items():
            np.testing.assert_allclose(given.info[name], values, rtol=1e-8, atol=1e-8)
    assert restored.steps.tolist() == [30] * 3
    np.testing.assert_allclose(restored.snapshot(), simulator.snapshot(), rtol=1e-8, atol=1e-8)
    # What was taken is a copy: the simulators have moved on since.
    assert not np.array_equal(snapshot, simulator.snapshot())


def test_a_snapshot_of_other_rows_is_refused_and_nothing_moves(family: MujocoFamily) -> None:
    simulator = started(family)
    before = simulator.snapshot()
    with pytest.raises(InputError, match="an initial state of"):
        simulator.restore(before[:2])
    with pytest.raises(InputError, match="with non-finite numbers"):
        simulator.restore(np.full_like(before, np.nan))
    np.testing.assert_array_equal(simulator.snapshot(), before)


def test_a_state_set_from_outside_keeps_metrics_and_steps(family: MujocoFamily) -> None:
    simulator = started(family)
    start = simulator.state()
    for actions in np.random.default_rng(5).uniform(-1, 1, (5, 3, family.body.actions)):
        simulator.step(actions)
    metric_state = simulator.metric_state.copy()
    simulator.set_state(start)
    np.testing.assert_array_equal(simulator.state(), start)
    np.testing.assert_array_equal(simulator.metric_state, metric_state)
    assert simulator.steps.tolist() == [5] * 3
    with pytest.raises(InputError, match=rf"here \(3, {start.shape[1]}\); got shape \(2, "):
        simulator.set_state(start[:2])


def test_bad_arguments(family: MujocoFamily) -> None:
    with pytest.raises(InputError, match="num_envs must be at least 1, got 0"):
        Simulator(family, 0)
    with pytest.raises(InputError, match="threads must be at least 1 or None for all, got 0"):
        Simulator(family, 1, threads=0)
    simulator = started(family)
    with pytest.raises(InputError, match="task parameters must have shape"):
        simulator.set_tasks(np.zeros((2, 1)))
    with pytest.raises(InputError, match=r"here in an array of shape \(2, \d+\); got"):
        simulator.reset(np.zeros((1, family.state_size)), np.array([0, 1]))


def test_available_threads_is_positive() -> None:
    assert available_threads() >= 1


def test_episodes_that_have_not_begun_have_no_metrics(family: MujocoFamily) -> None:
    simulator = Simulator(family, 3, threads=1)
    actions = np.zeros((3, family.body.actions))
    assert np.isnan(simulator.metric_state).all()
    with pytest.raises(InputError, match=r"environments \[0, 1, 2\] have not begun: reset them"):
        simulator.step(actions)
    tasks = family.tasks["train"][:3]
    simulator.set_tasks(tasks)
    starts = sample_starts(simulator, np.random.default_rng(0), tasks)
    simulator.reset(starts[[1]], np.array([1]))
    with pytest.raises(InputError, match=r"environments \[0, 2\] have not begun"):
        simulator.step(actions)
    simulator.step(actions, active=np.array([False, True, False]))
    assert simulator.steps.tolist() == [0, 1, 0]
    assert np.isfinite(simulator.metric_state[1]).all()


def test_a_closed_simulator_keeps_what_it_has_seen(family: MujocoFamily) -> None:
    simulator = started(family)
    state = simulator.state()
    simulator.close()
    simulator.close()
    np.testing.assert_array_equal(simulator.state(), state)
    with pytest.raises(InputError, match="is closed: make another one"):
        simulator.step(np.zeros((3, family.body.actions)))
    with pytest.raises(InputError, match="is closed"):
        simulator.set_tasks(simulator.parameters)
    with pytest.raises(InputError, match="is closed"):
        simulator.reset(np.zeros((3, family.state_size)))


def test_other_episodes_continue_when_one_gets_another_task(family: MujocoFamily) -> None:
    simulator, alone = started(family), started(family)
    rng = np.random.default_rng(6)
    for actions in rng.uniform(-1, 1, (5, 3, family.body.actions)):
        simulator.step(actions)
        alone.step(actions)
    tasks = simulator.parameters.copy()
    tasks[1] = family.tasks["train"][7]
    simulator.set_tasks(tasks)
    start = simulator.sample_start(rng, tasks[1])
    simulator.reset(start[None], np.array([1]))
    for actions in rng.uniform(-1, 1, (5, 3, family.body.actions)):
        given, expected = simulator.step(actions), alone.step(actions)
        np.testing.assert_array_equal(given.rewards[[0, 2]], expected.rewards[[0, 2]])
    np.testing.assert_array_equal(simulator.state()[[0, 2]], alone.state()[[0, 2]])
    assert not np.array_equal(simulator.state()[1], alone.state()[1])
