"""Ant goal: walk to a point on a circle that only the demonstrations show."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.family import DatasetRecipe, Metric
from smile_bench.envs.mujoco.body import ANT, Marker
from smile_bench.envs.mujoco.family import ControlStep, MujocoFamily
from smile_bench.envs.partition import Axis, BoxPartition
from smile_bench.envs.simulation import StepResult

CONTROL_COST = 0.005
RADIUS = 2.0
SUCCESS_DISTANCE = 0.2
"""Metres; who has been as near has succeeded. No score depends on it."""
AROUND_START = BoxPartition(
    name="squares of 0.25 m in x and y whose centre is within 3 m of the start",
    axes=tuple(Axis(column=column, low=-3.0, high=3.0, bins=24) for column in (0, 1)),
    radius=3.0,
)
"""Where the torso is; random torques move it by about 1 m."""


def ant_positions(qpos: FloatArray) -> dict[str, FloatArray]:
    """Gymnasium's position keys for an ant, each (N,), from positions (N, nq)."""
    x, y = qpos[:, 0].copy(), qpos[:, 1].copy()
    return {"x_position": x, "y_position": y, "distance_from_origin": np.sqrt(x * x + y * y)}


def ant_velocities(step: ControlStep, dt: float) -> dict[str, FloatArray]:
    """Gymnasium's velocity keys for an ant, each (N,): displacement over duration."""
    velocity = (step.qpos[:, :2] - step.qpos_before[:, :2]) / dt
    return {"x_velocity": velocity[:, 0], "y_velocity": velocity[:, 1]}


def distance(qpos: FloatArray, goals: FloatArray) -> FloatArray:
    """Horizontal distance (N,) in metres of torsos (N, nq) to goals (N, 2)."""
    offset = qpos[:, :2] - goals
    return np.sqrt(offset[:, 0] * offset[:, 0] + offset[:, 1] * offset[:, 1])


def on_circle(angles: FloatArray) -> FloatArray:
    """Goals (n, 2) at angles (n,) in radians on the circle of radius 2.

    Rounded, so that the last bit of a platform's cosine cannot change a task.
    """
    return np.round(RADIUS * np.stack((np.cos(angles), np.sin(angles)), axis=1), 12)


def goals_on_circle(rng: np.random.Generator, number: int) -> FloatArray:
    """Sample goals (number, 2) uniformly on the circle."""
    return on_circle(rng.uniform(0.0, 2.0 * np.pi, number))


def towards(observations: FloatArray, goals: FloatArray) -> FloatArray:
    """Input (N, 33) of an expert that walks to goals (N, 2): body, goal and the offset to it."""
    body = observations[:, : ANT.observed]
    return np.concatenate((body, goals, goals - body[:, :2]), axis=1)


class AntGoal(MujocoFamily):
    """Walk to a point 2 m from the start that only the demonstrations show (SMILe, section 4.2).

    ## Description
    Gymnasium's ant, ``ant.xml``, with a gear of 30 instead of 150: a torso on four legs of two
    joints each. A control step is 5 physics steps of 0.01 s.

    ## Task
    The coordinates of the goal in m, on a circle of radius 2 m around the start. The 32 train
    tasks lie at the angles nπ/16, the 8 validation tasks at (8n + 3)π/32 and the 16 test tasks at
    2nπ/16 + π/32. A context holds 1 demonstration.

    ## Action space
    ``Box(-1, 1, (8,), float32)``: normalised torques at hip and ankle of each leg.

    ## Observation space
    ``Box(-1e6, 1e6, (29,), float64)``: 15 positions (x, y and z of the torso, its orientation as a
    quaternion, eight joint angles) and 14 velocities. There are no contact forces, and the task is
    left out.

    ## Rewards
    −‖xy − goal‖ − 0.005 ‖a‖², with the distance after the control step. ``info`` has the two terms
    as ``reward_dist`` and ``reward_ctrl``.

    ## Starting state
    As in Gymnasium's ``Ant-v5``, with uniform noise of ±0.1 on the positions and normal noise of
    standard deviation 0.1 on the velocities, but the torso starts exactly at x = y = 0.

    ## Episode end
    Never terminates. Truncated after 100 control steps, 5 s.

    ## Metrics
    ``min_distance``: smallest distance to the goal over the episode in m, the start included.
    Lower is better. ``info`` also has ``success``: 1 once it is 0.2 m or less, else 0.

    ## Version history
    * v0: first version.
    """

    metric_state_size: ClassVar[int] = 1
    constants: ClassVar[dict[str, float]] = {"control_cost": CONTROL_COST}

    def privileged(self, observations: FloatArray, parameters: FloatArray) -> FloatArray:
        return towards(observations, parameters)

    def positions(self, qpos: FloatArray) -> dict[str, FloatArray]:
        return ant_positions(qpos)

    def initial_metrics(
        self, qpos: FloatArray, parameters: FloatArray, episode: FloatArray
    ) -> FloatArray:
        return distance(qpos, parameters)[:, None]

    def reward_and_info(self, step: ControlStep) -> StepResult:
        away = distance(step.qpos, step.parameters)
        nearest = np.minimum(step.metric_state[:, 0], away)
        closeness = -away
        control = -CONTROL_COST * np.square(step.actions).sum(axis=1)
        info = {
            **ant_positions(step.qpos),
            **ant_velocities(step, self.body.dt),
            "reward_dist": closeness,
            "reward_ctrl": control,
            "min_distance": nearest,
            "success": (nearest <= SUCCESS_DISTANCE).astype(np.float64),
        }
        return StepResult(closeness + control, info, nearest[:, None])

    def marker_positions(
        self, parameters: FloatArray, episode: FloatArray, time: float
    ) -> FloatArray:
        return np.array([[parameters[0], parameters[1], 0.15]])


FAMILY = AntGoal(
    id="SmileAntGoal-v0",
    title="Ant goal",
    summary="walk to a goal on a circle of radius 2 m",
    body=ANT,
    parameter_names=("goal_x", "goal_y"),
    tasks={
        "train": on_circle(np.arange(32) * np.pi / 16),
        "validation": on_circle((8 * np.arange(8) + 3) * np.pi / 32),
        "test": on_circle(2 * np.arange(16) * np.pi / 16 + np.pi / 32),
    },
    task_distribution=goals_on_circle,
    horizon=100,
    metrics=(
        Metric(
            name="min_distance",
            description="smallest distance to the goal over the episode",
            unit="m",
            higher_is_better=False,
        ),
    ),
    context_sizes=(1,),
    evaluation_episodes=16,
    dataset_recipe=DatasetRecipe(expert="ant-goal", demonstrations=16, subsample=1, noise=0.6),
    partition=AROUND_START,
    markers=(Marker(name="goal", rgba=(0.1, 0.7, 0.2, 0.8), radius=0.15),),
)
