"""One scalar episode under random actions, recorded."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

__all__ = ["play"]


def play(family_id: str, steps: int = 40, task: int = 2) -> dict[str, Any]:
    """One scalar episode: positions at the start and after each step, actions, rewards, infos."""
    env = gym.make(family_id, split="test", task=task)
    inner: Any = env.unwrapped
    env.reset(seed=3)
    env.action_space.seed(3)
    record: dict[str, Any] = {"qpos": [inner.data.qpos.copy()], "rewards": [], "infos": []}
    record["actions"] = [env.action_space.sample() for _ in range(steps)]
    for action in record["actions"]:
        _, reward, terminated, truncated, info = env.step(action)
        assert not terminated
        assert not truncated
        record["qpos"].append(inner.data.qpos.copy())
        record["rewards"].append(reward)
        record["infos"].append(info)
    record["task"] = np.array(inner.task.parameters)
    record["qpos"], record["actions"] = np.array(record["qpos"]), np.array(record["actions"])
    return record
