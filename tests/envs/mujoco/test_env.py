"""The scalar environment keeps Gymnasium's contract and the suite's."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

from smile_bench.envs import MujocoFamily, get_mujoco_family
from smile_bench.envs.mujoco.env import SmileEnv
from smile_bench.errors import InputError, SimulationError, UnknownNameError


def make(family: MujocoFamily, **options: Any) -> tuple[gym.Env[Any, Any], SmileEnv]:
    """The wrapped environment and what it wraps."""
    env = gym.make(family.id, **{"split": "test"} | options)
    inner = env.unwrapped
    assert isinstance(inner, SmileEnv)
    return env, inner


@pytest.mark.parametrize("task", [None, 3])
def test_gymnasium_finds_nothing_to_warn_of(family: MujocoFamily, task: int | None) -> None:
    _, inner = make(family, task=task)
    check_env(inner, skip_render_check=True)  # Warnings are errors here.


def test_task_is_drawn_at_each_reset_unless_fixed(family: MujocoFamily) -> None:
    env, inner = make(family)
    env.reset(seed=0)
    drawn = [inner.task.index]
    for _ in range(30):
        env.reset()
        drawn.append(inner.task.index)
        assert inner.task == family.task("test", inner.task.index)
    assert len(set(drawn)) > 8
    env.reset(seed=0)
    assert inner.task.index == drawn[0]
    env, inner = make(family, task=5)
    for _ in range(3):
        env.reset()
        assert inner.task.index == 5
        assert inner.task.parameters == tuple(family.tasks["test"][5])


def test_task_of_a_reset_holds_for_one_episode(family: MujocoFamily) -> None:
    env, inner = make(family, task=5)
    env.reset(seed=0, options={"task": 7})
    assert inner.task.index == 7
    env.reset()
    assert inner.task.index == 5


def test_walker_model_follows_the_task() -> None:
    env = gym.make("SmileWalkerDynamics-v0", split="test", task=5)
    inner: Any = env.unwrapped
    masses: dict[int, Any] = {}
    for task in (5, 7, 5):
        env.reset(options={"task": task})
        mass = inner.model.body_mass.copy()
        np.testing.assert_array_equal(masses.setdefault(task, mass), mass)
    assert not np.array_equal(masses[5], masses[7])
    expected = inner.family.body.compile().body_mass * inner.family.tasks["test"][5][:8]
    np.testing.assert_array_equal(masses[5], expected)


def test_horizon_truncates_and_nothing_terminates(family: MujocoFamily) -> None:
    env, _ = make(family, task=0)
    assert env.spec is not None
    assert env.spec.max_episode_steps == family.horizon
    env, _ = make(family, task=0, max_episode_steps=5)
    env.reset(seed=0)
    action = np.ones(family.body.actions, np.float32)
    ends = [env.step(action)[2:4] for _ in range(5)]
    assert ends == [(False, False)] * 4 + [(False, True)]


def test_same_seed_same_episode(family: MujocoFamily) -> None:
    episodes = []
    for _ in range(2):
        env, _ = make(family)
        env.action_space.seed(1)
        observations = [env.reset(seed=8)[0]]
        observations += [env.step(env.action_space.sample())[0] for _ in range(10)]
        episodes.append(np.array(observations))
    np.testing.assert_array_equal(episodes[0], episodes[1])


def test_state_of_a_reset(family: MujocoFamily) -> None:
    env, inner = make(family, task=2)
    env.reset(seed=0)
    env.step(np.ones(family.body.actions, np.float32))
    state = np.concatenate((inner.data.qpos, inner.data.qvel, inner._episode[0]))
    observation, _ = env.reset(options={"state": state.tolist()})
    np.testing.assert_array_equal(inner.data.qpos, state[: family.body.positions])
    again, _ = env.reset(options={"state": state})
    np.testing.assert_array_equal(observation, again)


@pytest.mark.parametrize("name", ["SmileAntGoal-v0", "SmileAntLinearClassification-v0"])
def test_ants_start_at_the_origin(name: str) -> None:
    env, inner = make(get_mujoco_family(name))
    for seed in range(3):
        env.reset(seed=seed)
        assert inner.data.qpos[:2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_actions_are_refused_and_nothing_moves(
    family: MujocoFamily, value: float
) -> None:
    env, inner = make(family, task=0)
    env.reset(seed=0)
    before = inner.data.qpos.copy()
    action = np.zeros(family.body.actions, np.float32)
    action[1] = value
    with pytest.raises(InputError, match=r"must be finite numbers in \[-1, 1\], got .* at \[\[1\]"):
        env.step(action)
    np.testing.assert_array_equal(inner.data.qpos, before)
    env.step(np.zeros(family.body.actions, np.float32))


def test_actions_of_another_shape_are_refused(family: MujocoFamily) -> None:
    env, _ = make(family, task=0)
    env.reset(seed=0)
    with pytest.raises(InputError, match=rf"of shape \({family.body.actions},\), got"):
        env.step(np.zeros((1, family.body.actions), np.float32))


def test_unstable_simulation_is_an_error_until_the_reset(family: MujocoFamily) -> None:
    env, inner = make(family, task=0)
    env.reset(seed=0)
    inner.data.qvel[0] = np.nan
    action = np.zeros(family.body.actions, np.float32)
    for _ in range(2):
        with pytest.raises(SimulationError, match=r"became unstable .* Reset them"):
            env.step(action)
    env.reset(seed=0)
    env.step(action)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": 999}, "has no test task 999: give an integer from 0 to"),
        ({"tasks": 1}, "unknown reset option 'tasks'. Did you mean 'task'"),
        ({"state": [1.0, 2.0]}, r"got an array of float64 of shape \(2,\)"),
        ({"state": "here"}, "an initial state of"),
    ],
)
def test_bad_options_leave_the_episode_alone(
    family: MujocoFamily, options: dict[str, Any], message: str
) -> None:
    env, inner = make(family, task=0)
    env.reset(seed=0)
    before = inner.data.qpos.copy()
    with pytest.raises((InputError, UnknownNameError), match=message):
        env.reset(options=options)
    np.testing.assert_array_equal(inner.data.qpos, before)
    assert inner.task.index == 0


def test_non_finite_state_is_refused(family: MujocoFamily) -> None:
    env, _ = make(family)
    with pytest.raises(InputError, match="with non-finite numbers"):
        env.reset(options={"state": np.full(family.state_size, np.nan)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "validatoin"}, "unknown split 'validatoin'. Did you mean 'validation'"),
        ({"task": -1}, "has no test task -1"),
    ],
)
def test_bad_construction(family: MujocoFamily, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        make(family, **options)


def test_unknown_render_mode() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'rgb_array'"):
        SmileEnv("SmileAntGoal-v0", render_mode="rgb_aray")


def test_pickle_keeps_the_construction(family: MujocoFamily) -> None:
    _, inner = make(family, task=4)
    copy = pickle.loads(pickle.dumps(inner))  # noqa: S301 (our own)
    assert copy.task == inner.task
    np.testing.assert_array_equal(copy.reset(seed=1)[0], inner.reset(seed=1)[0])


def test_spec_makes_it_again(family: MujocoFamily) -> None:
    env, inner = make(family, task=4)
    assert env.spec is not None
    assert inner.spec is not None
    again: Any = gym.make(EnvSpec.from_json(env.spec.to_json())).unwrapped
    assert again.task == inner.task


def test_a_step_needs_a_reset(family: MujocoFamily) -> None:
    _, inner = make(family)
    action = np.zeros(family.body.actions, np.float32)
    with pytest.raises(gym.error.ResetNeeded, match="call reset before step"):
        inner.step(action)
    assert np.isnan(inner._metric_state).all()
    inner.reset(seed=0)
    assert np.isfinite(inner._metric_state).all()
    inner.step(action)
