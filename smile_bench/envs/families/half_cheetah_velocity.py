"""Half-cheetah velocity: run at a target velocity that only the demonstrations tell."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.family import DatasetRecipe, Metric
from smile_bench.envs.mujoco.body import HALF_CHEETAH, Marker
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.simulation import StepResult

CONTROL_COST = 0.05


class HalfCheetahVelocity(MujocoFamily):
    """A half-cheetah that must run at a target velocity v* (SMILe, section 4.1).

    Task: v* in metres per second. Reward: -abs(v - v*) - 0.05 ‖a‖², with v the displacement of a
    control step over its duration. Metric: the mean of abs(v - v*) over the whole episode, the
    acceleration from standstill included.
    """

    metric_state_size: ClassVar[int] = 1
    constants: ClassVar[dict[str, float]] = {"control_cost": CONTROL_COST}

    def positions(self, qpos: FloatArray) -> dict[str, FloatArray]:
        return {"x_position": qpos[:, 0].copy()}

    def initial_metrics(
        self, qpos: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        return np.zeros((len(qpos), 1))

    def reward_and_info(self, step: ControlStep) -> StepResult:
        velocity = (step.qpos[:, 0] - step.qpos_before[:, 0]) / self.body.dt
        forward = -np.abs(velocity - step.parameters[:, 0])
        control = -CONTROL_COST * np.square(step.actions).sum(axis=1)
        metric_state = step.metric_state - forward[:, None]
        info = {
            **self.positions(step.qpos),
            "x_velocity": velocity,
            "reward_forward": forward,
            "reward_ctrl": control,
            "velocity_error": metric_state[:, 0] / step.steps,
        }
        return StepResult(forward + control, info, metric_state)

    def marker_positions(
        self, parameters: FloatArray, episode: FloatArray, time: float
    ) -> FloatArray:
        return np.array([[parameters[0] * time, 0.0, 1.3]])


FAMILY = HalfCheetahVelocity(
    id="SmileHalfCheetahVelocity-v0",
    title="Half-cheetah velocity",
    summary="run at a target velocity between 0 and 3 m/s",
    body=HALF_CHEETAH,
    parameter_names=("target_velocity",),
    tasks={
        "train": np.arange(31)[:, None] / 10,
        "validation": (175 + 300 * np.arange(10))[:, None] / 1000,
        "test": (5 + 10 * np.arange(30))[:, None] / 100,
    },
    horizon=1000,
    metrics=(
        Metric(
            name="velocity_error",
            description="mean absolute difference to the target velocity over the whole episode",
            unit="m/s",
            higher_is_better=False,
        ),
    ),
    context_sizes=(1, 2, 3, 4),
    evaluation_episodes=4,
    dataset_recipe=DatasetRecipe(
        expert="half-cheetah-velocity", demonstrations=16, subsample=20, noise=0.2
    ),
    markers=(Marker(name="target", rgba=(0.1, 0.7, 0.2, 0.8), radius=0.1),),
)
