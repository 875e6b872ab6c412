"""Half-cheetah velocity: run at a target velocity that only the demonstrations show."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.family import DatasetRecipe, Metric
from smile_bench.envs.mujoco.body import HALF_CHEETAH, Marker
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.partition import Axis, BoxPartition
from smile_bench.envs.simulation import StepResult

FASTEST = 3.0
"""The largest target velocity in m/s."""
CONTROL_COST = 0.05
GAITS = BoxPartition(
    name="velocity in x in 20 bins from -4 to 6 m/s, in each of 8 sectors of the torso's pitch",
    axes=(
        Axis(column=8, low=-4.0, high=6.0, bins=20),
        Axis(column=1, low=-np.pi, high=np.pi, bins=8, periodic=True),
    ),
)
"""How fast it moves, on its feet or on its back. x itself is not observed."""


def target_velocities(rng: np.random.Generator, number: int) -> FloatArray:
    """Sample target velocities (number, 1) in m/s, uniformly."""
    return rng.uniform(0.0, FASTEST, (number, 1))


class HalfCheetahVelocity(MujocoFamily):
    """Run at a target velocity that only the demonstrations show (SMILe, section 4.1).

    ## Description
    Gymnasium's half-cheetah, ``half_cheetah.xml``: a body in a vertical plane with two legs of
    three joints each. A control step is 5 physics steps of 0.01 s.

    ## Task
    The target velocity in m/s. The 31 train tasks are 0, 0.1, …, 3.0, the 10 validation tasks
    0.175, 0.475, …, 2.875 and the 30 test tasks 0.05, 0.15, …, 2.95. A context holds 1 to 4
    demonstrations.

    ## Action space
    ``Box(-1, 1, (6,), float32)``: normalised torques at the joints of hind and front thigh, shin
    and foot.

    ## Observation space
    ``Box(-1e6, 1e6, (17,), float64)``: 8 positions (height and pitch of the torso, six joint
    angles) and 9 velocities. The x coordinate and the task are left out.

    ## Rewards
    −abs(v − target) − 0.05 ‖a‖², with v the displacement in x over the duration of the control
    step. ``info`` has the two terms as ``reward_forward`` and ``reward_ctrl``.

    ## Starting state
    As in Gymnasium's ``HalfCheetah-v5``: uniform noise of ±0.1 on all positions and normal noise of
    standard deviation 0.1 on all velocities.

    ## Episode end
    Never terminates. Truncated after 1000 control steps, 50 s.

    ## Metrics
    ``velocity_error``: mean of abs(v − target) over the whole episode in m/s, the acceleration from
    standstill included. Lower is better.

    ## Version history
    * v0: first version.
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
    task_distribution=target_velocities,
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
    partition=GAITS,
    markers=(Marker(name="target", rgba=(0.1, 0.7, 0.2, 0.8), radius=0.1),),
)
