"""What an episode shows, which target is right and which one counts as the answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from smile_bench.envs import get_mujoco_family
from smile_bench.envs.families.ant_linear_classification import REACH, TARGETS
from smile_bench.envs.mujoco.family import ControlStep

FAMILY = get_mujoco_family("SmileAntLinearClassification-v0")
RIGHT, WRONG, FAR = (1.3, 1.3), (-1.3, 1.3), (0.0, 0.0)


def test_shows_one_vector_from_each_side() -> None:
    rng = np.random.default_rng(0)
    for normal in FAMILY.tasks["train"][:8]:
        drawn = np.array([FAMILY.sample_episode(rng, normal) for _ in range(400)])
        assert np.abs(drawn).max() <= 1.0
        first, second = drawn[:, :4] @ normal, drawn[:, 4:] @ normal
        assert np.all((first > 0) != (second > 0))
        # The order is random, and each coordinate stays spread over the cube.
        assert 0.4 < (first > 0).mean() < 0.6
        assert np.all(drawn.std(axis=0) > 0.5)


def test_observation_shows_offsets_and_vectors() -> None:
    qpos = np.zeros((1, 15))
    qpos[0, :2] = 0.3, -0.2
    episode = np.arange(8.0)[None] / 10
    observation = FAMILY.observe(qpos, np.zeros((1, 14)), FAMILY.tasks["test"][:1], episode)[0]
    np.testing.assert_allclose(observation[29:33], [1.11, 1.61, -1.71, 1.61])
    np.testing.assert_array_equal(observation[33:], episode[0])


def visit(places: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Reward, success and no-op as a torso visits places; the right target is the first one."""
    normal = np.array([[1.0, 0.0, 0.0, 0.0]])
    episode = np.array([[0.5, 0, 0, 0, -0.5, 0, 0, 0]])
    metric_state = FAMILY.initial_metrics(np.zeros((1, 15)), normal, episode)
    seen = []
    for k, place in enumerate(places):
        qpos = np.zeros((1, 15))
        qpos[0, :2] = place
        step = ControlStep(
            qpos, qpos, np.zeros((1, 8)), normal, episode, metric_state, np.array([k + 1])
        )
        result = FAMILY.reward_and_info(step)
        metric_state = result.metric_state
        info = result.info
        seen.append((result.rewards[0], info["success"][0], info["no_op"][0]))
    return seen


def test_first_target_entered_decides() -> None:
    assert visit([FAR, RIGHT, FAR, WRONG]) == [(0, 0, 1), (1, 1, 0), (0, 1, 0), (0, 1, 0)]
    assert visit([FAR, WRONG, FAR, RIGHT]) == [(0, 0, 1), (0, 0, 0), (0, 0, 0), (1, 0, 0)]


def test_reach_is_half_a_metre() -> None:
    assert REACH == 0.5
    assert TARGETS.tolist() == [[1.41, 1.41], [-1.41, 1.41]]
    assert visit([(1.41, 0.92)]) == [(1, 1, 0)]
    assert visit([(1.41, 0.90)]) == [(0, 0, 1)]


def test_negative_first_vector_means_the_other_target() -> None:
    normal = np.array([[1.0, 0.0, 0.0, 0.0]])
    negative_first = np.array([[-0.5, 0, 0, 0, 0.5, 0, 0, 0]])
    family: Any = FAMILY
    assert family.right_targets(normal, negative_first).tolist() == [[-1.41, 1.41]]
    assert family.right_targets(-normal, negative_first).tolist() == [[1.41, 1.41]]
