"""Ant linear classification: walk to the target of a class that several demonstrations define."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.families.ant_goal import (
    AROUND_START,
    ant_positions,
    ant_velocities,
    distance,
    towards,
)
from smile_bench.envs.family import DatasetRecipe, Metric
from smile_bench.envs.mujoco.body import ANT, Marker
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.simulation import StepResult
from smile_bench.envs.tables import load_table

TARGETS = np.array([[1.41, 1.41], [-1.41, 1.41]])
"""The right target if the first sample is on the positive side, and if it is on the negative."""
REACH = 0.5
"""Distance in metres within which a target counts as entered."""
FEATURES = 4
"""Length of a sample."""


def unit_normals(rng: np.random.Generator, number: int) -> FloatArray:
    """Sample normals (number, 4) uniformly on the unit sphere."""
    normals = rng.standard_normal((number, FEATURES))
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


class AntLinearClassification(MujocoFamily):
    """Answer a linear classification by walking to one of two targets (SMILe, section 4.4).

    ## Description
    The ant of ``SmileAntGoal-v0``. Each episode shows two vectors of [−1, 1]⁴, one from each side
    of the task's hyperplane, in random order. If the first is on the normal's side, the right
    target is (1.41, 1.41), else it is (−1.41, 1.41). The answer is the first target that the torso
    comes within 0.5 m of. An episode that comes near neither is a no-op.

    ## Task
    The unit normal of a hyperplane in R⁴: 64 train, 16 validation and 32 test tasks, sampled once
    uniformly on the sphere. A context holds 1 to 8 demonstrations.

    ## Action space
    ``Box(-1, 1, (8,), float32)``: normalised torques at hip and ankle of each leg.

    ## Observation space
    ``Box(-1e6, 1e6, (41,), float64)``: the ant's 29 numbers, the offsets to the two targets (4) and
    the two vectors (8). The task is left out.

    ## Rewards
    1 while the torso is within 0.5 m of the right target, else 0. ``info`` has it as
    ``reward_target``.

    ## Starting state
    As in ``SmileAntGoal-v0``, with two new vectors.

    ## Episode end
    Never terminates. Truncated after 50 control steps, 2.5 s.

    ## Metrics
    ``success``: share of episodes in which the right target is entered first. Higher is better.
    ``no_op``: share of episodes in which no target is entered. Lower is better.

    ## Version history
    * v0: first version.
    """

    extra_observed: ClassVar[int] = 4 + 2 * FEATURES
    episode_size: ClassVar[int] = 2 * FEATURES
    metric_state_size: ClassVar[int] = 1
    season_episodes: ClassVar[int] = 4
    constants: ClassVar[dict[str, float]] = {"reach": REACH, "target": float(TARGETS[0, 0])}

    def sample_episode(self, rng: np.random.Generator, parameters: FloatArray) -> FloatArray:
        first, second = rng.uniform(-1.0, 1.0, (2, FEATURES))
        # The cube is symmetric about 0, so the mirrored vector is uniform on the other side.
        if (first @ parameters > 0.0) == (second @ parameters > 0.0):
            second = -second
        return np.concatenate((first, second))

    def observe(
        self, qpos: FloatArray, qvel: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        offsets = (TARGETS[None] - qpos[:, None, :2]).reshape(len(qpos), 4)
        return np.concatenate((self.body.observe(qpos, qvel), offsets, episode), axis=1)

    def right_targets(self, parameters: FloatArray, episode: FloatArray) -> FloatArray:
        """The right target (N, 2) for normals (N, 4) and sample pairs (N, 8)."""
        positive = (episode[:, :FEATURES] * parameters).sum(axis=1) > 0.0
        targets: FloatArray = np.where(positive[:, None], TARGETS[0], TARGETS[1])
        return targets

    def privileged(self, observations: FloatArray, parameters: FloatArray) -> FloatArray:
        samples = observations[:, -self.episode_size :]
        return towards(observations, self.right_targets(parameters, samples))

    def positions(self, qpos: FloatArray) -> dict[str, FloatArray]:
        return ant_positions(qpos)

    def initial_metrics(
        self, qpos: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        return np.zeros((len(qpos), 1))

    def reward_and_info(self, step: ControlStep) -> StepResult:
        right = self.right_targets(step.parameters, step.episode)
        near_right = distance(step.qpos, right) < REACH
        near_wrong = distance(step.qpos, TARGETS.sum(axis=0) - right) < REACH
        # 0: no answer yet, 1: right, -1: wrong; the targets are too far apart to be near both.
        now = near_right.astype(np.float64) - near_wrong
        decision = np.where(step.metric_state[:, 0] == 0.0, now, step.metric_state[:, 0])
        reward = near_right.astype(np.float64)
        info = {
            **ant_positions(step.qpos),
            **ant_velocities(step, self.body.dt),
            "reward_target": reward.copy(),
            "success": (decision == 1.0).astype(np.float64),
            "no_op": (decision == 0.0).astype(np.float64),
        }
        return StepResult(reward, info, decision[:, None])

    def marker_positions(
        self, parameters: FloatArray, episode: FloatArray, time: float
    ) -> FloatArray:
        right = self.right_targets(parameters[None], episode[None])[0]
        return np.array([[*right, 0.02], [*(TARGETS.sum(axis=0) - right), 0.02]])


FAMILY = AntLinearClassification(
    id="SmileAntLinearClassification-v0",
    title="Ant linear classification",
    summary="walk to one of two targets to answer a linear classification in R⁴",
    body=ANT,
    parameter_names=tuple(f"normal_{i}" for i in range(FEATURES)),
    tasks=load_table("ant_linear_classification"),
    task_distribution=unit_normals,
    horizon=50,
    metrics=(
        Metric(
            name="success",
            description="share of episodes in which the right target is entered first",
            unit="",
            higher_is_better=True,
        ),
        Metric(
            name="no_op",
            description="share of episodes in which no target is entered",
            unit="",
            higher_is_better=False,
        ),
    ),
    context_sizes=(1, 2, 3, 4, 5, 6, 7, 8),
    evaluation_episodes=16,
    dataset_recipe=DatasetRecipe(
        expert="ant-linear-classification", demonstrations=16, subsample=1, noise=0.5
    ),
    partition=AROUND_START,
    markers=(
        Marker(name="right", rgba=(0.1, 0.7, 0.2, 0.5), radius=REACH),
        Marker(name="wrong", rgba=(0.8, 0.2, 0.1, 0.3), radius=REACH),
    ),
)
