"""A copy or a pickle of an environment in mid-episode continues to the same bits."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from smile_bench.envs import Family
from smile_bench.envs.simulation import sample_starts
from smile_bench.envs.vector import SmileVectorEnv
from smile_bench.errors import InputError
from tests.envs.test_vector import assert_same
from tests.helpers.outside_family import make_family

HORIZON = 12


def pickled(env: Any) -> Any:
    return pickle.loads(pickle.dumps(env))  # noqa: S301 (our own)


@pytest.fixture(params=[copy.deepcopy, pickled], ids=["deepcopy", "pickle"])
def copied(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Both ways to copy an environment."""
    way: Callable[[Any], Any] = request.param
    return way


def assert_alike(one: Any, other: Any, where: str) -> None:
    for part, (given, expected) in enumerate(zip(one, other, strict=True)):
        assert_same(given, expected, f"{where}, part {part}")


def test_a_scalar_environment_continues(family: Family, copied: Callable[[Any], Any]) -> None:
    env: Any = gym.make(family.id, split="test", max_episode_steps=HORIZON)
    env.action_space.seed(0)
    env.reset(seed=3, options={"task": 5})
    for _ in range(7):
        env.step(env.action_space.sample())
    twin = copied(env)
    assert twin.unwrapped.task == env.unwrapped.task == family.task("test", 5)
    assert twin.unwrapped.family is family
    ended = False
    for k in range(HORIZON + 8):
        if ended:
            # The next task and start come from the generator, which was copied, too.
            assert_alike(twin.reset(), env.reset(), f"reset {k}")
            assert twin.unwrapped.task == env.unwrapped.task
        action = env.action_space.sample()
        np.testing.assert_array_equal(twin.action_space.sample(), action)
        given, expected = twin.step(action), env.step(action)
        assert_alike(given, expected, f"step {k}")
        ended = expected[3]
    assert twin.unwrapped.np_random_seed == env.unwrapped.np_random_seed


def test_a_scalar_copy_goes_its_own_way(family: Family) -> None:
    env: Any = gym.make(family.id, split="test", task=1)
    reference: Any = gym.make(family.id, split="test", task=1)
    for each in (env, reference):
        each.reset(seed=0)
        each.action_space.seed(0)
    twin = copy.deepcopy(env)
    for _ in range(5):
        twin.step(twin.action_space.sample())
    twin.reset(options={"task": 2})
    assert env.unwrapped.task.index == 1
    for _ in range(5):
        action = reference.action_space.sample()
        assert_alike(env.step(action), reference.step(action), "the original")


def test_a_copy_keeps_a_model_that_was_changed() -> None:
    env: Any = gym.make("SmileAntGoal-v0", task=1)
    env.reset(seed=0)
    env.unwrapped.model.opt.gravity[2] = -3.0
    twin = copy.deepcopy(env)
    action = np.ones(8, np.float32)
    for k in range(10):
        assert_alike(twin.step(action), env.step(action), f"step {k}")


def test_a_copy_before_the_reset_needs_one(family: Family, copied: Callable[[Any], Any]) -> None:
    twin = copied(gym.make(family.id).unwrapped)
    with pytest.raises(gym.error.ResetNeeded, match="call reset before step"):
        twin.step(twin.action_space.sample())


@pytest.mark.parametrize("tasks", ["draw", [3, 0, 3]])
def test_a_vector_environment_continues(
    family: Family, tasks: Any, copied: Callable[[Any], Any]
) -> None:
    env: Any = gym.make_vec(
        family.id, num_envs=3, split="test", tasks=tasks, max_episode_steps=HORIZON, threads=2
    )
    assert isinstance(env, SmileVectorEnv)
    env.action_space.seed(0)
    env.reset(seed=3)
    for _ in range(7):
        env.step(env.action_space.sample())
    twin = copied(env)
    assert twin.family is family
    for k in range(2 * HORIZON):  # Through an autoreset.
        actions = env.action_space.sample()
        np.testing.assert_array_equal(twin.action_space.sample(), actions)
        assert_alike(twin.step(actions), env.step(actions), f"step {k}")
        assert twin.tasks == env.tasks
    assert_alike(twin.reset(), env.reset(), "reset")
    twin.reset(seed=9)
    assert env.np_random_seed != twin.np_random_seed
    with pytest.raises(ValueError, match="read-only"):
        twin.reset(seed=0)[1]["_x_position"][:] = False


def test_a_vector_copy_before_the_reset_needs_one(
    family: Family, copied: Callable[[Any], Any]
) -> None:
    twin = copied(gym.make_vec(family.id, num_envs=2, tasks=[0, 1]))
    with pytest.raises(gym.error.ResetNeeded, match=r"environments \[0, 1\] were never reset"):
        twin.step(twin.action_space.sample())


def test_a_simulator_continues(family: Family, copied: Callable[[Any], Any]) -> None:
    simulator: Any = family.make_simulator(3, threads=1)
    tasks = family.table("train")[:3]
    rng = np.random.default_rng(0)
    simulator.set_tasks(tasks)
    simulator.reset(sample_starts(simulator, rng, tasks))
    for _ in range(10):
        simulator.step(family.random_actions(rng, 3))
    twin = copied(simulator)
    for _ in range(10):
        actions = family.random_actions(rng, 3)
        assert_alike(twin.step(actions), simulator.step(actions), "step")
    np.testing.assert_array_equal(twin.state(), simulator.state())
    assert twin.steps.tolist() == [20] * 3


def test_a_family_is_itself_in_copies(family: Family, copied: Callable[[Any], Any]) -> None:
    assert copied(family) is family


def test_a_family_that_is_not_registered_is_declared_again() -> None:
    declared = make_family()
    assert copy.deepcopy(declared) is declared
    again = pickled(declared)
    assert again.id == declared.id
    assert type(again) is type(declared)
    np.testing.assert_array_equal(again.table("test"), declared.table("test"))
    with pytest.raises(ValueError, match="read-only"):
        again.table("test")[0] = 0.0


def test_a_closed_simulator_cannot_be_copied() -> None:
    envs: Any = gym.make_vec("SmileAntGoal-v0", num_envs=2, tasks=[0, 1])
    envs.close()
    with pytest.raises(InputError, match="this simulator of SmileAntGoal-v0 is closed"):
        copy.deepcopy(envs)
