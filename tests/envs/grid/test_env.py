"""The scalar environment keeps Gymnasium's contract, and the batch equals it."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

from smile_bench.envs import get_mujoco_family
from smile_bench.envs.grid.env import SmileGridEnv
from smile_bench.errors import InputError, UnknownNameError
from tests.envs.grid.grid_goal import FAMILY, ID, cell, make


def test_gymnasium_finds_nothing_to_warn_of() -> None:
    check_env(make(task=3), skip_render_check=True)


def test_reward_is_the_weight_of_the_cell_that_the_step_was_taken_in() -> None:
    env = make(task=2)
    weights = dict(zip(FAMILY.kinds, env.task.parameters[1:], strict=True))
    place = cell(1, 1)  # An "a".
    env.reset(options={"state": [place, 7]})
    _, reward, _, _, info = env.step(0)
    assert reward == weights["a"]
    assert info["episode_return"] == weights["a"]
    env.reset(options={"state": [cell(0, 0), 7]})
    assert env.step(0)[1] == 0.0


def test_an_episode_follows_from_its_state_and_actions() -> None:
    actions = np.random.default_rng(0).integers(5, size=20)
    episodes = []
    for seed in (0, 1):
        env = make(task=5)
        env.reset(seed=seed, options={"state": [cell(4, 4), 12345]})
        episodes.append(np.array([env.step(a)[0] for a in actions]))
    np.testing.assert_array_equal(episodes[0], episodes[1])


def test_horizon_truncates_and_nothing_terminates() -> None:
    env = gym.make(ID, split="test", task=0)
    env.reset(seed=0)
    ends = [env.step(np.int64(1))[2:4] for _ in range(20)]
    assert ends == [(False, False)] * 19 + [(False, True)]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_the_batch_equals_scalar_environments(mode: str) -> None:
    options: dict[str, Any] = {"split": "test", "max_episode_steps": 6}
    tasks = [0, 3, 1, 3]
    ours = gym.make_vec(ID, num_envs=4, tasks=tasks, autoreset_mode=mode, **options)
    makers = [partial(gym.make, ID, task=task, **options) for task in tasks]
    theirs: Any = SyncVectorEnv(makers, autoreset_mode=mode)
    assert ours.action_space == theirs.action_space
    assert ours.observation_space == theirs.observation_space
    np.testing.assert_array_equal(ours.reset(seed=5)[0], theirs.reset(seed=5)[0])
    rng = np.random.default_rng(0)
    for _ in range(20):
        actions = rng.integers(5, size=4)
        given, expected = ours.step(actions), theirs.step(actions)
        for one, other in zip(given[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
        for key in ("x_position", "y_position", "episode_return"):
            if key in expected[4]:
                np.testing.assert_array_equal(given[4][key], expected[4][key])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"task": 99}, UnknownNameError),
        ({"tsak": 1}, UnknownNameError),
        ({"state": [cell(2, 2), 0]}, InputError),  # A wall.
        ({"state": [0.5, 0]}, InputError),
        ({"state": [0, -1]}, InputError),
        ({"state": [0]}, InputError),
    ],
)
def test_bad_options_leave_the_episode_alone(options: dict[str, Any], error: type) -> None:
    env = make(task=0)
    env.reset(seed=0)
    before = env.simulator.cells.copy()
    with pytest.raises(error):
        env.reset(options=options)
    np.testing.assert_array_equal(env.simulator.cells, before)


@pytest.mark.parametrize("action", [5, -1, 1.0, [1], np.array([0.2])])
def test_bad_actions_are_refused_and_nothing_moves(action: Any) -> None:
    env = make(task=0)
    env.reset(seed=0)
    with pytest.raises(InputError, match="integer"):
        env.step(action)
    assert env.simulator.steps.tolist() == [0]


def test_bad_construction() -> None:
    with pytest.raises(UnknownNameError, match="unknown render_mode"):
        SmileGridEnv(ID, render_mode="human")
    with pytest.raises(UnknownNameError, match="is not a grid"):
        SmileGridEnv("SmileAntGoal-v0")
    with pytest.raises(UnknownNameError, match="has no MuJoCo body"):
        get_mujoco_family(ID)


def test_pickle_keeps_the_construction() -> None:
    env = make(task=4)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 (our own)
    assert copy.task == env.task
    np.testing.assert_array_equal(copy.reset(seed=1)[0], env.reset(seed=1)[0])


def test_a_step_needs_a_reset() -> None:
    env = make(task=4)
    with pytest.raises(gym.error.ResetNeeded, match="call reset before step"):
        env.step(0)
    assert np.isnan(env.simulator.returns).all()
    env.reset(seed=0)
    env.step(0)


def test_drawn_tasks_are_those_of_scalar_environments() -> None:
    ours: Any = gym.make_vec(ID, num_envs=3, tasks="draw", max_episode_steps=2)
    theirs: Any = SyncVectorEnv([partial(gym.make, ID, max_episode_steps=2)] * 3)
    np.testing.assert_array_equal(ours.reset(seed=5)[0], theirs.reset(seed=5)[0])
    rng = np.random.default_rng(0)
    for _ in range(12):
        assert ours.tasks == theirs.get_attr("task")
        actions = rng.integers(5, size=3)
        for one, other in zip(ours.step(actions)[:4], theirs.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
