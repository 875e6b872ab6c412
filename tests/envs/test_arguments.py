"""What users give to environments is checked before anything changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from smile_bench.envs import Family, get_family
from smile_bench.envs.arguments import checked_count, checked_seed, checked_seeds
from smile_bench.errors import InputError, SmileError, UnknownNameError


@pytest.mark.parametrize("seed", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_are_seeds(family: Family, seed: Any) -> None:
    assert checked_seed(seed) == 3
    assert type(checked_seed(seed)) is int
    env = gym.make(family.id)
    np.testing.assert_array_equal(env.unwrapped.reset(seed=seed)[0], env.reset(seed=3)[0])


@pytest.mark.parametrize("seed", [True, np.True_, 3.0, "3", -1, [3], np.array([3]), np.nan, {}])
def test_other_seeds_are_refused_and_nothing_changes(family: Family, seed: Any) -> None:
    env: Any = gym.make(family.id, split="test").unwrapped
    env.reset(seed=0)
    task, state = env.task, env.np_random.bit_generator.state
    with pytest.raises(InputError, match="a seed is a whole number of at least 0, or None; got"):
        env.reset(seed=seed)
    assert env.task == task
    assert env.np_random.bit_generator.state == state


def test_seeds_of_a_batch() -> None:
    assert checked_seeds(None, 2) == [None, None]
    for one in (4, np.int32(4), np.array(4)):
        assert checked_seeds(one, 2) == [4, 5]
    for two in ([4, None], (4, None), np.array([4, None], object)):
        assert checked_seeds(two, 2) == [4, None]
    assert all(type(seed) is int for seed in checked_seeds(np.array([4, 9]), 2))


@pytest.mark.parametrize(
    "seed",
    [
        True,
        3.0,
        -1,
        "45",
        {4, 5},
        {4: 5},
        [True, 1],
        [1.0, 2],
        [1, -2],
        np.ones((2, 2)),
        np.ones(2),
    ],
)
def test_other_seeds_of_a_batch_are_refused(seed: Any) -> None:
    with pytest.raises(InputError, match="seed is"):
        checked_seeds(seed, 2)


@pytest.mark.parametrize("count", [True, 1.0, "2", None, [1]])
def test_counts_are_whole(count: Any) -> None:
    assert checked_count("threads", np.int64(2)) == 2
    with pytest.raises(InputError, match="threads must be a whole number of at least 1, got"):
        checked_count("threads", count)


@pytest.mark.parametrize("task", [True, False, np.True_, 1.0, np.float64(1.0), "1", [1], (1,), -1])
def test_tasks_are_integers(family: Family, task: Any) -> None:
    message = "has no train task .*: give an integer from 0 to"
    with pytest.raises(UnknownNameError, match=message):
        gym.make(family.id, task=task)
    with pytest.raises(UnknownNameError, match=message):
        gym.make_vec(family.id, num_envs=2, tasks=[0, task])
    env: Any = gym.make(family.id)
    envs: Any = gym.make_vec(family.id, num_envs=2, tasks=[0, 1])
    env.reset(seed=0)
    envs.reset(seed=0)
    with pytest.raises(UnknownNameError, match=message):
        env.reset(options={"task": task})
    with pytest.raises(UnknownNameError, match=message):
        envs.reset(options={"tasks": [0, task]})
    env.step(env.action_space.sample())
    envs.step(envs.action_space.sample())
    assert [each.index for each in envs.tasks] == [0, 1]


@pytest.mark.parametrize("tasks", ["01", "drwa", 3, True, {0, 1}, {0: 1}, [[0], [0, 1]], b"ab"])
def test_tasks_of_a_batch_are_a_sequence(family: Family, tasks: Any) -> None:
    with pytest.raises(
        SmileError, match=r"tasks must be a sequence of 2 indices|has no train task"
    ):
        gym.make_vec(family.id, num_envs=2, tasks=tasks)


@pytest.mark.parametrize("split", [True, 0, None, ["test"], {"test": 1}, np.array(["test"])])
def test_splits_are_names(family: Family, split: Any) -> None:
    for make in (gym.make, gym.make_vec):
        with pytest.raises(UnknownNameError, match="unknown split"):
            make(family.id, split=split)


@pytest.mark.parametrize("name", [True, None, ["SmileAntGoal-v0"], {}, np.array(["a", "b"])])
def test_families_are_names(name: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown family"):
        get_family(name)


@pytest.mark.parametrize("options", [[("task", 1)], "task", 1, {"task"}])
def test_options_are_a_dictionary(family: Family, options: Any) -> None:
    env = gym.make(family.id).unwrapped
    envs = gym.make_vec(family.id, num_envs=2, tasks=[0, 1])
    for each in (env, envs):
        with pytest.raises(InputError, match="options of a reset are a dictionary with any of"):
            each.reset(options=options)


@pytest.mark.parametrize(
    "made",
    [
        {"num_envs": 2.0},
        {"num_envs": True},
        {"num_envs": 2, "threads": 1.5},
        {"num_envs": 2, "max_episode_steps": True},
        {"num_envs": 2, "width": 0},
        {"num_envs": 2, "height": 2.5},
    ],
)
def test_counts_of_a_batch_are_whole(family: Family, made: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"must be (a whole number of )?at least 1"):
        gym.make_vec(family.id, tasks="draw", **made)


def test_ragged_actions_and_states_are_refused(family: Family) -> None:
    env: Any = gym.make(family.id).unwrapped
    envs: Any = gym.make_vec(family.id, num_envs=2, tasks=[0, 1])
    env.reset(seed=0)
    envs.reset(seed=0)
    ragged: list[Any] = [[0.0], [0.0, 1.0]]
    calls: list[Callable[[], Any]] = [
        lambda: envs.step(ragged),
        lambda: env.reset(options={"state": ragged}),
        lambda: envs.reset(options={"states": ragged}),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"must be an array of numbers, got \["):
            call()


def test_tables_of_a_family_cannot_be_replaced(family: Family) -> None:
    tables: Any = family.tasks
    with pytest.raises(TypeError, match="does not support item assignment"):
        tables["test"] = tables["train"]


@pytest.mark.parametrize("mode", [True, 1, ["NextStep"], np.array(["NextStep", "SameStep"])])
def test_modes_are_names(family: Family, mode: Any) -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown autoreset_mode .*Known: 'Disabled', 'Next"
    ):
        gym.make_vec(family.id, num_envs=2, tasks="draw", autoreset_mode=mode)
    with pytest.raises(UnknownNameError, match=r"unknown render_mode .*'rgb_array'"):
        gym.make_vec(family.id, num_envs=2, tasks="draw", render_mode=mode)


def test_messages_are_short(family: Family) -> None:
    long: Any = "x" * 10_000
    env: Any = gym.make(family.id).unwrapped
    envs: Any = gym.make_vec(family.id, num_envs=2, tasks=[0, 1])
    calls: list[Callable[[], Any]] = [
        lambda: env.reset(options={"task": long}),
        lambda: env.reset(seed=long),
        lambda: envs.reset(options={"tasks": long}),
        lambda: envs.reset(options={"reset_mask": [True] * 10_000}),
        lambda: envs.reset(seed=long),
        lambda: family.table(long),
        lambda: gym.make_vec(family.id, num_envs=long),
        lambda: gym.make_vec(family.id, autoreset_mode=long),
        lambda: gym.make_vec(family.id, render_mode=long),
        lambda: get_family(long),
    ]
    for call in calls:
        with pytest.raises(SmileError) as caught:
            call()
        assert len(str(caught.value)) < 350
