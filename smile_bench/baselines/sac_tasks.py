"""What the SAC-trained experts practise: which tasks, which reward, when a fall ends an episode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.envs.families import half_cheetah_velocity
from smile_bench.envs.family import FloatArray

__all__ = ["PRACTICES", "Practice", "TrackVelocity"]


@dataclass(frozen=True, kw_only=True)
class Practice(ABC):
    """Tasks and rewards of a training.

    The reward is a function of stored quantities, so that a transition can be relabelled: what
    happened under one task teaches what it would have been worth under another (hindsight,
    Andrychowicz et al. 2017).
    """

    relabelled: float
    """Share of each batch that is given another task."""

    @abstractmethod
    def draw_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """Parameters (n, P) of tasks to practise at a progress in [0, 1] of the training."""

    @abstractmethod
    def reward(
        self, velocity: NDArray[Any], actions: NDArray[Any], parameters: FloatArray
    ) -> FloatArray:
        """Rewards (n,) of forward velocities (n,) in m/s, actions (n, A) and tasks (n, P)."""

    def terminated(self, observations: FloatArray) -> NDArray[np.bool_]:
        """Which of the observations (n, O) end a training episode; by default none."""
        return np.zeros(len(observations), np.bool_)


@dataclass(frozen=True, kw_only=True)
class TrackVelocity(Practice):
    """Half-cheetah velocity: the family's own reward, any target from 0 to a little beyond 3."""

    relabelled: float = 0.5
    fastest: float = 3.1
    """Highest target practised, m/s; beyond the tables, so that 3 is no border case."""
    favour_fast: float = 0.75
    """Targets are ``fastest`` times a uniform number to this power; below 1, fast ones prevail."""

    def draw_tasks(self, rng: np.random.Generator, n: int, progress: float) -> FloatArray:
        """Target velocities (n, 1)."""
        return self.fastest * rng.uniform(0.0, 1.0, (n, 1)) ** self.favour_fast

    def reward(
        self, velocity: NDArray[Any], actions: NDArray[Any], parameters: FloatArray
    ) -> FloatArray:
        """The family's reward, -abs(v - v*) - 0.05 ‖a‖²."""
        error = np.abs(velocity - parameters[:, 0])
        cost: FloatArray = half_cheetah_velocity.CONTROL_COST * np.square(actions).sum(axis=1)
        return -error - cost


PRACTICES: dict[str, Practice] = {"track-velocity": TrackVelocity()}
"""By the name that a configuration gives."""
