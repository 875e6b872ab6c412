"""Worse experts: one with noise on its actions, and one that scores half."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import Family
from smile_bench.envs.simulation import PrivilegedPolicy
from smile_bench.errors import InputError

__all__ = ["Medium", "Noisy"]


class _Worse(ABC):
    """An expert some of whose actions are changed at random."""

    expert: PrivilegedPolicy

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The expert's."""
        return self.expert.recipe

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> Float32Array:
        """Sample actions (N, A) for observations (N, O) in tasks (N, P).

        Raises:
            InputError: no generator was given.
        """
        if rng is None:
            raise InputError(
                "noisy and medium experts sample their actions: give them a generator, such as "
                "rng=numpy.random.default_rng(0)."
            )
        actions = self.expert.act(observations, parameters, rng)
        return self._changed(actions, observations, rng)

    @abstractmethod
    def _changed(
        self, actions: Float32Array, observations: FloatArray, rng: np.random.Generator
    ) -> Float32Array:
        """The expert's actions (N, A) with the changes."""


@dataclass(frozen=True, eq=False)
class Noisy(_Worse):
    """The expert with independent noise at every control step.

    Torques get Gaussian noise of standard deviation ``scale`` and are clipped to [-1, 1]. A
    discrete action is, with probability ``scale``, replaced by a uniformly random one.
    """

    family: Family
    expert: PrivilegedPolicy
    scale: float

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The expert's, and the scale."""
        return (*self.expert.arrays, np.array(self.scale))

    def _changed(
        self, actions: Float32Array, observations: FloatArray, rng: np.random.Generator
    ) -> Float32Array:
        if isinstance(self.family.action_space, spaces.Discrete):
            replaced = rng.random((len(actions), 1)) < self.scale
            uniform = self.family.random_actions(rng, len(actions))
            return np.where(replaced, uniform, actions).astype(np.float32)
        noise = self.scale * rng.standard_normal(actions.shape)
        return np.clip(actions + noise, -1.0, 1.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Medium(_Worse):
    """The expert, with some of its actions replaced by the task-blind expert's.

    Each control step is replaced independently with probability ``rate``. Rate 0 is the expert and
    rate 1 the task-blind expert, so some rate between them gives half the score in any family.
    """

    expert: PrivilegedPolicy
    blind: PrivilegedPolicy
    mismatched_tasks: FloatArray
    """Parameters of the task that the task-blind expert sees in each episode, (N, P)."""
    rate: float

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Those of both experts, and the rate."""
        return (*self.expert.arrays, *self.blind.arrays, np.array(self.rate))

    def _changed(
        self, actions: Float32Array, observations: FloatArray, rng: np.random.Generator
    ) -> Float32Array:
        wrong = self.blind.act(observations, self.mismatched_tasks, rng)
        return np.where(rng.random((len(actions), 1)) < self.rate, wrong, actions)
