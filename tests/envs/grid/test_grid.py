"""The gridworld family: rules, Gymnasium's contract, and the batch beside scalar environments."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

from smile_bench.envs import get_family, get_mujoco_family
from smile_bench.envs.grid.env import SmileGridEnv
from smile_bench.envs.grid.family import MOVES, GridFamily
from smile_bench.envs.grid.simulator import GridSimulator, slip_noise
from smile_bench.errors import InputError, UnknownNameError

ID = "SmileGridGoal-v0"
found = get_family(ID)
assert isinstance(found, GridFamily)
FAMILY: GridFamily = found
WIDTH = 8


def cell(row: int, column: int) -> int:
    return row * WIDTH + column


def make(**options: Any) -> SmileGridEnv:
    env = gym.make(ID, **{"split": "test"} | options).unwrapped
    assert isinstance(env, SmileGridEnv)
    return env


def test_gymnasium_finds_nothing_to_warn_of() -> None:
    check_env(make(task=3), skip_render_check=True)


def test_moves_stop_at_walls_and_borders() -> None:
    moves = dict(zip(MOVES, FAMILY.moves.T, strict=True))
    assert moves["north"][cell(0, 3)] == cell(0, 3)
    assert moves["west"][cell(3, 3)] == cell(3, 3)  # (3, 2) is a wall.
    assert moves["east"][cell(3, 3)] == cell(3, 4)
    assert moves["south"][cell(0, 0)] == cell(1, 0)
    # No move leads into a wall.
    assert np.isin(FAMILY.moves[FAMILY.free], FAMILY.free).all()


def test_transitions_are_the_rule_of_slips() -> None:
    tensor = FAMILY.mdp(np.array([0.25])).tensor[0]
    here = cell(0, 0)
    # East: 0.75 + 0.05; south 0.05; stay, and north and west into the border, 0.15.
    east = MOVES.index("east")
    assert tensor[here, east, cell(0, 1)] == pytest.approx(0.8)
    assert tensor[here, east, cell(1, 0)] == pytest.approx(0.05)
    assert tensor[here, east, here] == pytest.approx(0.15)


def test_the_simulator_slips_as_the_tensor_says() -> None:
    n, slip, east = 40_000, 0.3, MOVES.index("east")
    simulator = GridSimulator(FAMILY, n)
    parameters = np.tile(FAMILY.table("test")[0], (n, 1))
    parameters[:, 0] = slip
    simulator.set_tasks(parameters)
    here = cell(0, 1)
    simulator.reset(np.stack((np.full(n, here), np.arange(n)), axis=1).astype(np.float64))
    simulator.step(np.eye(5)[np.full(n, east)])
    shares = np.bincount(simulator.cells, minlength=64) / n
    expected = FAMILY.mdp(np.array([slip])).tensor[0, here, east]
    assert np.abs(shares - expected).max() < 4 * np.sqrt(0.25 / n)


def test_noise_is_even_and_uncorrelated() -> None:
    seeds = np.arange(2000, dtype=np.uint64)
    drawn = np.stack([slip_noise(seeds, np.full(2000, t)) for t in range(20)])
    assert abs(drawn.mean() - 0.5) < 0.01
    assert abs(drawn.std() - np.sqrt(1 / 12)) < 0.01
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    correlations = np.corrcoef(drawn) - np.eye(20)
    assert np.abs(correlations).max() < 0.1


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


def test_observations_show_cell_and_time_and_no_task() -> None:
    simulator = GridSimulator(FAMILY, 24)
    simulator.set_tasks(FAMILY.table("test"))
    simulator.reset(np.tile([float(cell(2, 0)), 3.0], (24, 1)))
    observations = simulator.observe()
    np.testing.assert_array_equal(observations, np.tile(observations[0], (24, 1)))
    cells, times = FAMILY.decode(observations)
    assert cells.tolist() == [cell(2, 0)] * 24
    assert times.tolist() == [0] * 24


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


def test_rendering() -> None:
    env = make(task=1, render_mode="ansi")
    env.reset(options={"state": [cell(2, 1), 0]})
    text = env.render()
    assert isinstance(text, str)
    assert text.splitlines()[2] == ".@##.ww."
    env = make(task=1, render_mode="rgb_array", width=80, height=40)
    env.reset(options={"state": [cell(2, 1), 0]})
    picture = env.render()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (40, 80, 3)
    assert picture[12, 15].tolist() == [40, 90, 220]
    assert picture[12, 25].tolist() == [70, 70, 75]
    pictures = gym.make_vec(ID, num_envs=2, render_mode="rgb_array", width=32, height=32)
    pictures.reset(seed=0)
    drawn: Any = pictures.render()
    assert [picture.shape for picture in drawn] == [(32, 32, 3)] * 2


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
    with pytest.raises(UnknownNameError, match="is no grid"):
        SmileGridEnv("SmileAntGoal-v0")
    with pytest.raises(UnknownNameError, match="has no MuJoCo body"):
        get_mujoco_family(ID)
    with pytest.raises(InputError, match="num_envs"):
        GridSimulator(FAMILY, 0)
    with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
        FAMILY.mdp(np.array([1.5]))


def test_pickle_keeps_the_construction() -> None:
    env = make(task=4)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 (our own)
    assert copy.task == env.task
    np.testing.assert_array_equal(copy.reset(seed=1)[0], env.reset(seed=1)[0])
