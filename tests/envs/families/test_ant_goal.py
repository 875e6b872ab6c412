"""The reward and the metric, recomputed from positions."""

from __future__ import annotations

import numpy as np

from tests.envs.families.episode import play


def test_ant_goal_reward_and_metric() -> None:
    played = play("SmileAntGoal-v0")
    distance = np.linalg.norm(played["qpos"][:, :2] - played["task"], axis=1)
    cost = 0.005 * (played["actions"].astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(played["rewards"], -distance[1:] - cost, rtol=1e-12)
    metric = [info["min_distance"] for info in played["infos"]]
    np.testing.assert_allclose(metric, np.minimum.accumulate(distance)[1:], rtol=1e-12)
