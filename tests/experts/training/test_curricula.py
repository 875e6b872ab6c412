from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs import get_mujoco_family
from smile_bench.envs.families.ant_linear_classification import TARGETS
from smile_bench.envs.mujoco.simulator import Simulator
from smile_bench.envs.simulation import sample_starts
from smile_bench.experts.training.curricula import (
    CURRICULA,
    ReachGoal,
    TrackVelocity,
    WalkOneDynamics,
)

WALKER, CHEETAH = "SmileWalkerDynamics-v0", "SmileHalfCheetahVelocity-v0"


def test_the_shaped_reward_is_its_formula() -> None:
    before, after = np.zeros((1, 15)), np.zeros((1, 15))
    after[0, 0] = 1.0
    goals, actions = np.array([[2.0, 0.0]]), np.full((1, 8), 0.5)
    curriculum = ReachGoal(progress=2.0, bonus=3.0, width=0.5, cost=0.1, alive=0.7)
    expected = 2.0 * (2.0 - 1.0) / 0.05 + 3.0 * np.exp(-1.0 / 0.5) - 0.1 * 8 * 0.25 + 0.7
    movement = curriculum.movement(before, after)
    np.testing.assert_allclose(curriculum.reward(movement, actions, goals), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("family", "curriculum"), [(CHEETAH, "track-velocity"), (WALKER, "walk-dynamics")]
)
def test_these_rewards_are_the_families(family: str, curriculum: str) -> None:
    simulator, rng = Simulator(get_mujoco_family(family), 4, threads=1), np.random.default_rng(0)
    made = CURRICULA[curriculum]
    tasks = made.sample_tasks(rng, 4, 1.0)
    simulator.set_tasks(tasks)
    simulator.reset(sample_starts(simulator, rng, tasks))
    actions, before = rng.uniform(-1.0, 1.0, (4, 6)), simulator.qpos.copy()
    result = simulator.step(actions)
    rewards = made.reward(made.movement(before, simulator.qpos), actions, tasks)
    np.testing.assert_allclose(rewards, result.rewards)


def test_goals_lie_all_around_the_circle() -> None:
    goals = CURRICULA["reach-goal"].sample_tasks(np.random.default_rng(0), 1000, 0.0)
    np.testing.assert_allclose(np.linalg.norm(goals, axis=1), 2.0)
    counts, _ = np.histogram(np.arctan2(goals[:, 1], goals[:, 0]), bins=8)
    assert counts.min() > 80


def test_goals_of_the_classification_lie_around_both_targets() -> None:
    goals = CURRICULA["reach-target"].sample_tasks(np.random.default_rng(0), 1000, 0.0)
    offsets = goals[:, None] - TARGETS
    nearest = np.linalg.norm(offsets, axis=2).argmin(axis=1)
    assert 400 < nearest.sum() < 600
    spread = offsets[np.arange(1000), nearest]
    np.testing.assert_allclose(spread.std(axis=0), 0.1, atol=0.01)


def test_fast_targets_are_more_frequent_and_reach_beyond_the_tables() -> None:
    targets = TrackVelocity().sample_tasks(np.random.default_rng(0), 4000, 0.0)
    assert targets.shape == (4000, 1)
    assert targets.min() >= 0.0
    assert 3.0 < targets.max() <= 3.1
    assert np.median(targets) == pytest.approx(3.1 * 0.5**0.75, abs=0.06)


def test_walkers_fall_outside_their_heights_and_angles() -> None:
    observations = np.zeros((4, 17))
    observations[:, 0], observations[:, 1] = (1.25, 0.7, 2.1, 1.25), (0.9, 0.0, 0.0, -1.1)
    fallen = CURRICULA["walk-dynamics"].terminated(observations)
    assert fallen.tolist() == [False, True, True, True]
    assert not CURRICULA["reach-goal"].terminated(observations).any()


def test_walker_dynamics_widen_to_the_tables() -> None:
    curriculum, rng = CURRICULA["walk-dynamics"], np.random.default_rng(0)
    tables = get_mujoco_family(WALKER).tasks
    every = np.concatenate([*tables.values(), np.ones((1, 65))])
    assert (curriculum.sample_tasks(rng, 86, 0.0) == 1.0).all()
    np.testing.assert_array_equal(curriculum.sample_tasks(rng, 86, 1.0), every)
    halfway = curriculum.sample_tasks(rng, 86, (0.06 + 0.36) / 2)
    np.testing.assert_allclose(halfway, np.sqrt(every))
    assert (CURRICULA["walk-unmodified"].sample_tasks(rng, 3, 1.0) == 1.0).all()


def test_one_dynamics_are_those_of_one_task() -> None:
    tasks = WalkOneDynamics(split="test", index=3).sample_tasks(np.random.default_rng(0), 2, 0.0)
    row = get_mujoco_family(WALKER).table("test")[3]
    np.testing.assert_array_equal(tasks, [row, row])
