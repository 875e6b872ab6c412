"""The reward and the metric, recomputed from positions."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from tests.envs.families.episode import play


def test_ant_goal_reward_and_metric() -> None:
    played = play("SmileAntGoal-v0")
    distance = np.linalg.norm(played["qpos"][:, :2] - played["task"], axis=1)
    cost = 0.005 * (played["actions"].astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(played["rewards"], -distance[1:] - cost, rtol=1e-12)
    metric = [info["min_distance"] for info in played["infos"]]
    np.testing.assert_allclose(metric, np.minimum.accumulate(distance)[1:], rtol=1e-12)
    success = np.array([info["success"] for info in played["infos"]])
    np.testing.assert_array_equal(success, np.array(metric) <= 0.2)


def test_success_stays_once_the_torso_was_near() -> None:
    env = gym.make("SmileAntGoal-v0", task=0)
    env.reset(seed=0)
    base: Any = env.unwrapped
    state = np.concatenate((base.data.qpos, base.data.qvel))
    for start, success in ((1.75, 0.0), (1.81, 1.0)):
        state[:2] = start, 0.0  # The goal is at (2, 0).
        env.reset(options={"state": state})
        seen = [env.step(np.zeros(8, np.float32))[4]["success"] for _ in range(3)]
        assert seen == [success] * 3
