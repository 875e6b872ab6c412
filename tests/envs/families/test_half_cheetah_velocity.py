"""The reward and the metric, recomputed from positions."""

from __future__ import annotations

import numpy as np

from tests.envs.families.episode import play


def test_half_cheetah_reward_and_metric() -> None:
    played = play("SmileHalfCheetahVelocity-v0")
    velocity = np.diff(played["qpos"][:, 0]) / 0.05
    error = np.abs(velocity - played["task"][0])
    cost = 0.05 * (played["actions"].astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(played["rewards"], -error - cost, rtol=1e-12)
    metric = [info["velocity_error"] for info in played["infos"]]
    np.testing.assert_allclose(metric, np.cumsum(error) / np.arange(1, 41), rtol=1e-12)
    np.testing.assert_allclose([i["x_velocity"] for i in played["infos"]], velocity, rtol=1e-12)
