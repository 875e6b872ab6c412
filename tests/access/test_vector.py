"""A learner's environments in Gymnasium's vector API."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from smile_bench.access import Access
from smile_bench.errors import InputError, UnknownNameError
from smile_bench.wrappers import VectorContextObservation

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"
TASKS = np.array([3, 1, 4])


def pair(family: str, mode: AutoresetMode, track: str = "rewards") -> tuple[Any, Any, Access]:
    access = Access(family, track=track)
    mine = access.vector_env(TASKS, autoreset_mode=mode)
    plain = gym.make_vec(family, num_envs=3, tasks=TASKS.tolist(), autoreset_mode=mode)
    return mine, plain, access


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(("family", "horizon"), [(GRID, 20), (ANT, 100)])
def test_it_steps_like_the_plain_environments_and_counts(
    family: str, horizon: int, mode: AutoresetMode
) -> None:
    mine, plain, access = pair(family, mode)
    np.testing.assert_array_equal(mine.reset(seed=3)[0], plain.reset(seed=3)[0])
    rng, counted = np.random.default_rng(0), 0
    for step in range(horizon + 30):
        if step == 15:
            # From here on, the first episode is behind the others.
            mask = {"reset_mask": np.array([True, False, False])}
            pairs = [env.reset(options=mask)[0] for env in (mine, plain)]
            np.testing.assert_array_equal(*pairs)
        if mode is AutoresetMode.DISABLED and (mine.environments.ended).any():
            mask = {"reset_mask": mine.environments.ended}
            np.testing.assert_array_equal(*[env.reset(options=mask)[0] for env in (mine, plain)])
        ended = mine.environments.ended
        counted += 3 - int(ended.sum() if mode is AutoresetMode.NEXT_STEP else 0)
        actions: Any = rng.integers(5, size=3)
        if family == ANT:
            actions = rng.uniform(-1, 1, (3, 8)).astype(np.float32)
        one, other = mine.step(actions), plain.step(actions)
        for found, expected in zip(one[:4], other[:4], strict=True):
            np.testing.assert_array_equal(found, expected)
        assert ("final_obs" in one[4]) == ("final_obs" in other[4])
        finals = [info.get("final_obs", ()) for info in (one[4], other[4])]
        for found, expected in zip(*finals, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert access.counts.env_steps == counted


def test_without_rewards_they_are_zero_and_infos_are_silent() -> None:
    access = Access(ANT)
    env = access.vector_env(autoreset_mode="SameStep")
    assert env.num_envs == 32
    env.reset(seed=0)
    _, rewards, _, _, info = env.step(env.action_space.sample())
    assert not rewards.any()
    assert info == {}


def test_contexts_can_be_shown() -> None:
    access = Access(GRID)
    demonstrations = access.demonstrations()
    env = VectorContextObservation(access.vector_env(TASKS), demonstrations)
    shown = env.reset(seed=0)[0]["context_observations"][:, 0]
    for task, context in zip(TASKS, shown, strict=True):
        assert (demonstrations.observations[task] == context).all((1, 2)).any()


def test_what_cannot_be_done() -> None:
    with pytest.raises(InputError, match="the offline track has no environments"):
        Access(GRID, track="offline").vector_env()
    access = Access(GRID)
    with pytest.raises(UnknownNameError, match="autoreset_mode"):
        access.vector_env(TASKS, autoreset_mode="Never")
    env = access.vector_env(TASKS, autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(ResetNeeded, match="were never reset"):
        env.step(np.zeros(3, int))
    env.reset(seed=0)
    with pytest.raises(UnknownNameError, match="states"):
        env.reset(options={"states": None})
    for _ in range(20):
        env.step(np.zeros(3, int))
    with pytest.raises(InputError, match="have reached their horizon; reset them"):
        env.step(np.zeros(3, int))
