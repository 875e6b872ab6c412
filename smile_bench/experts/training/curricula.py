"""Curricula of the experts: which tasks, which reward, and when a fall ends an episode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray
from smile_bench.envs import SPLITS, get_mujoco_family
from smile_bench.envs.families import (
    ant_linear_classification,
    half_cheetah_velocity,
    walker_dynamics,
)
from smile_bench.envs.families.ant_goal import RADIUS, distance
from smile_bench.envs.mujoco.body import ANT, HALF_CHEETAH, WALKER

__all__ = [
    "CURRICULA",
    "Curriculum",
    "ReachGoal",
    "ReachTarget",
    "TrackVelocity",
    "WalkDynamics",
    "WalkOneDynamics",
]


@dataclass(frozen=True, kw_only=True)
class Curriculum(ABC):
    """Tasks and rewards of a training.

    The reward depends only on what a replay buffer can store. A transition can therefore be
    relabelled: the same movement earns the reward of another task (hindsight experience replay,
    Andrychowicz et al. 2017).
    """

    relabelled: float = 0.0
    """Share of a replayed batch that gets another task."""

    dt: ClassVar[float]
    """Length of a control step in seconds."""
    movement_size: ClassVar[int] = 1
    """M: how many numbers of a control step the reward needs besides actions and task."""

    @abstractmethod
    def sample_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """Sample tasks to train on.

        Args:
            rng: source of randomness.
            n: how many.
            progress: of the training, from 0 to 1.

        Returns:
            Parameters (n, P).
        """

    def movement(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """What the reward needs of a control step; by default the forward velocity in m/s.

        Args:
            before: positions (n, nq) before the step.
            after: positions (n, nq) after it.

        Returns:
            (n, M).
        """
        return (after[:, :1] - before[:, :1]) / self.dt

    @abstractmethod
    def reward(
        self, movement: NDArray[Any], actions: NDArray[Any], parameters: FloatArray
    ) -> FloatArray:
        """Rewards (n,) of movements (n, M), actions (n, A) and task parameters (n, P)."""

    def terminated(self, observations: FloatArray) -> BoolArray:
        """Whether each of the observations (n, O) ends a training episode; by default never."""
        return np.zeros(len(observations), np.bool_)


@dataclass(frozen=True, kw_only=True)
class ReachGoal(Curriculum):
    """Ant goal: goals anywhere on the circle, and a shaped reward.

    The reward is progress · (d - d') / dt + bonus exp(-d'² / width) - cost ‖a‖² + alive, where d
    and d' are the distances to the goal in metres before and after a control step.
    """

    progress: float = 1.0
    bonus: float = 1.0
    width: float = 0.08
    cost: float = 0.05
    alive: float = 0.2

    dt: ClassVar[float] = ANT.dt
    movement_size: ClassVar[int] = 4

    def sample_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """Goals (n, 2), uniform on the circle."""
        angles = rng.uniform(0.0, 2.0 * np.pi, n)
        return RADIUS * np.stack((np.cos(angles), np.sin(angles)), axis=1)

    def movement(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """Positions of the torso before and after, in metres, (n, 4)."""
        return np.concatenate((before[:, :2], after[:, :2]), axis=1)

    def reward(
        self, movement: NDArray[Any], actions: NDArray[Any], parameters: FloatArray
    ) -> FloatArray:
        """The shaped reward (n,); the class gives its formula."""
        was, now = distance(movement[:, :2], parameters), distance(movement[:, 2:], parameters)
        reward: FloatArray = (
            self.progress * (was - now) / self.dt
            + self.bonus * np.exp(-np.square(now) / self.width)
            - self.cost * np.square(actions).sum(axis=1)
            + self.alive
        )
        return reward


@dataclass(frozen=True, kw_only=True)
class ReachTarget(ReachGoal):
    """Ant linear classification: run to one of the two targets, quickly.

    The family's episodes are short, so torques cost little and standing still earns nothing.
    """

    bonus: float = 2.0
    width: float = 0.5
    cost: float = 0.005
    alive: float = 0.0
    jitter: float = 0.1
    """Standard deviation in metres of a goal around its target."""

    def sample_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """Goals (n, 2) around the targets."""
        targets = ant_linear_classification.TARGETS[rng.integers(2, size=n)]
        return targets + self.jitter * rng.standard_normal((n, 2))


@dataclass(frozen=True, kw_only=True)
class TrackVelocity(Curriculum):
    """Half-cheetah velocity: the family's own reward, and targets from 0 to a little beyond 3."""

    relabelled: float = 0.5
    fastest: float = 3.1
    """Highest target in m/s. It is beyond the tables, so that the fastest task, 3 m/s, is not at
    the edge of what the expert has seen."""
    favour_fast: float = 0.75
    """Targets are ``fastest`` times a uniform number to this power; below 1, fast ones are more
    frequent."""

    dt: ClassVar[float] = HALF_CHEETAH.dt

    def sample_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """Target velocities (n, 1)."""
        return self.fastest * rng.uniform(0.0, 1.0, (n, 1)) ** self.favour_fast

    def reward(
        self, movement: NDArray[Any], actions: NDArray[Any], parameters: FloatArray
    ) -> FloatArray:
        """The family's reward (n,), -abs(v - v*) - 0.05 ‖a‖²."""
        error = np.abs(movement[:, 0] - parameters[:, 0])
        cost: FloatArray = half_cheetah_velocity.CONTROL_COST * np.square(actions).sum(axis=1)
        return -error - cost


@dataclass(frozen=True, kw_only=True)
class WalkDynamics(Curriculum):
    """Walker dynamics: every task of the tables and the unmodified walker.

    The training begins with the unmodified walker. The log multipliers then grow linearly to
    ``spread`` times those of the tables. A fall ends an episode, as in Gymnasium's ``Walker2d-v5``.
    """

    spread: float = 1.0
    """0 trains on the unmodified walker alone, as the base policy does."""
    widening: tuple[float, float] = (0.06, 0.36)
    """Progress at which the dynamics begin to widen, and at which they reach the tables'. They
    begin late, because a gait that still falls on one body does not carry over to others."""
    height: tuple[float, float] = (0.8, 2.0)
    """Lowest and highest torso in metres; outside, the walker has fallen."""
    angle: float = 1.0
    """Greatest tilt of the torso in radians; beyond, the walker has fallen."""

    dt: ClassVar[float] = WALKER.dt

    def sample_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """Multipliers (n, 65), not at random: all tasks get the same share."""
        family = get_mujoco_family(walker_dynamics.FAMILY.id)
        tables = [family.table(split) for split in SPLITS]
        tasks = np.concatenate((*tables, family.neutral_parameters[None]))
        widened = float(np.interp(progress, self.widening, (0.0, 1.0)))
        return np.resize(tasks, (n, tasks.shape[1])) ** (self.spread * widened)

    def reward(
        self, movement: NDArray[Any], actions: NDArray[Any], parameters: FloatArray
    ) -> FloatArray:
        """The family's reward (n,), v + 1 - 0.001 ‖a‖²."""
        cost = walker_dynamics.CONTROL_COST * np.square(actions).sum(axis=1)
        reward: FloatArray = movement[:, 0] + walker_dynamics.SURVIVE_REWARD - cost
        return reward

    def terminated(self, observations: FloatArray) -> BoolArray:
        """Whether the walkers have fallen, (n,)."""
        low, high = self.height
        height, angle = observations[:, 0], observations[:, 1]
        fallen: BoolArray = (height < low) | (height > high) | (np.abs(angle) > self.angle)
        return fallen


@dataclass(frozen=True, kw_only=True)
class WalkOneDynamics(WalkDynamics):
    """Walker dynamics: a single task of the tables."""

    split: str
    index: int
    """Row of the split's table."""

    def sample_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """The task's multipliers, (n, 65)."""
        row = get_mujoco_family(walker_dynamics.FAMILY.id).table(self.split)[self.index]
        return np.tile(row, (n, 1))


CURRICULA: dict[str, Curriculum] = {
    "reach-goal": ReachGoal(),
    "reach-target": ReachTarget(),
    "track-velocity": TrackVelocity(),
    "walk-dynamics": WalkDynamics(),
    "walk-unmodified": WalkDynamics(spread=0.0),
}
"""Name in a configuration to curriculum."""
