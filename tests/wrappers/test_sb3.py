"""Native environments for stable-baselines3."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from smile_bench.access import Access
from smile_bench.errors import InputError
from smile_bench.wrappers import VectorContextObservation

sb3 = pytest.importorskip("stable_baselines3")
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor  # noqa: E402

from smile_bench.wrappers.sb3 import SB3VecEnv  # noqa: E402

FAMILY, NUMBER, HORIZON = "SmileAntGoal-v0", 3, 100


def native(mode: str = "SameStep", **options: Any) -> Any:
    return gym.make_vec(FAMILY, num_envs=NUMBER, tasks=[0, 1, 2], autoreset_mode=mode, **options)


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
def test_it_gives_what_the_own_environments_of_stable_baselines3_give(mode: str) -> None:
    made: Any = [partial(gym.make, FAMILY, task=task) for task in range(NUMBER)]
    ours: Any = SB3VecEnv(native(mode))
    theirs: Any = DummyVecEnv(made)
    for env in (ours, theirs):
        env.seed(7)
    np.testing.assert_allclose(ours.reset(), theirs.reset(), rtol=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(HORIZON + 3):
        actions = rng.uniform(-1, 1, (NUMBER, 8)).astype(np.float32)
        one, other = ours.step(actions), theirs.step(actions)
        for mine, other_s in zip(one[:3], other[:3], strict=True):
            np.testing.assert_allclose(mine, other_s, rtol=1e-5)
        for mine, other_s in zip(one[3], other[3], strict=True):
            terminal = other_s.pop("terminal_observation", None)
            assert ("terminal_observation" in mine) == (terminal is not None)
            if terminal is not None:
                np.testing.assert_allclose(mine.pop("terminal_observation"), terminal, rtol=1e-5)
            assert mine.pop("TimeLimit.truncated", False) == other_s.pop("TimeLimit.truncated")
            assert mine == other_s


def test_attributes_and_what_cannot_be_done() -> None:
    env: Any = SB3VecEnv(native(render_mode=None))
    assert [task.index for task in env.get_attr("tasks", [0, 2])] == [0, 2]
    assert env.get_attr("split") == ["train"] * NUMBER
    assert env.env_is_wrapped(VectorContextObservation) == [False] * NUMBER
    with pytest.raises(InputError, match="cannot be set for some"):
        env.set_attr("split", "test", [0])
    with pytest.raises(InputError, match="Call its methods"):
        env.env_method("render")
    with pytest.raises(InputError, match='autoreset_mode="SameStep"'):
        SB3VecEnv(gym.make_vec(FAMILY, num_envs=2, tasks=[0, 1]))
    env.close()


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
@pytest.mark.parametrize("raw", [False, True])
def test_ppo_learns_on_contexts(raw: bool, mode: str) -> None:
    demonstrations = Access(FAMILY).demonstrations()
    wrapped = VectorContextObservation(
        native(mode),
        demonstrations,
        embed=None if raw else lambda c: c.observations[:, -1, :2].mean(0),
    )
    env: Any = VecMonitor(SB3VecEnv(wrapped))
    assert env.env_is_wrapped(VectorContextObservation) == [True] * NUMBER
    policy = "MultiInputPolicy" if raw else "MlpPolicy"
    model = sb3.PPO(policy, env, n_steps=HORIZON, batch_size=100, n_epochs=1, device="cpu", seed=0)
    model.learn(NUMBER * HORIZON)
    assert len(model.ep_info_buffer) == NUMBER
    assert all(info["l"] == HORIZON for info in model.ep_info_buffer)
