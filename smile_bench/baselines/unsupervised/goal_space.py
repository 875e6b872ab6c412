"""Goals: which numbers of an observation they are, and the reward for reaching one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from smile_bench.agents import Context
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import Family, get_family
from smile_bench.errors import InputError

__all__ = ["GoalConfig", "GoalSpace", "goals_of"]


@dataclass(frozen=True, kw_only=True)
class GoalConfig:
    """What a goal is, and when it is reached."""

    features: tuple[int, ...] = ()
    """Columns of an observation that are the goal features; empty for all."""
    one_hot: bool = False
    """Whether exactly one feature is 1 and the others are 0."""
    relative: bool = False
    """Whether the policy sees the way to the goal in place of the goal."""
    reward: Literal["reached", "distance", "progress"] = "reached"
    """Of a step: 1 within the radius and else 0; or, in radii, minus the distance or the way made
    towards the goal."""
    radius: float = 0.5
    """Distance at which a goal counts as reached, in the features' units."""
    future: float = 0.5
    """Share of a batch's goals that its episode reached later (Andrychowicz et al. 2017)."""
    final: float = 0.0
    """Share that is the last state of its episode."""
    proposed: float = 0.0
    """Share that the model of goals proposes. The rest is from anywhere in the replay."""
    shown: Literal["last", "typical", "in turn"] = "last"
    """Goal of an imitation: the last state in which the demonstrator acted, the mean of the states
    of the demonstrations' second halves (of one-hot features, the most frequent), or the states in
    turn."""


@dataclass(frozen=True, eq=False)
class GoalSpace:
    """The goals of a family."""

    family: Family
    columns: tuple[int, ...]
    """Of an observation, (G,)."""
    one_hot: bool

    @classmethod
    def of(cls, family: str, config: GoalConfig) -> GoalSpace:
        """The goals of a family under some settings.

        Raises:
            InputError: a column that observations do not have, or twice.
        """
        found = get_family(family)
        number = found.observation_size
        columns = config.features or tuple(range(number))
        if len(set(columns)) != len(columns) or not all(0 <= c < number for c in columns):
            raise InputError(
                f"goal.features are columns of an observation of {family}, 0 to {number - 1}, each "
                f"once; got {columns}."
            )
        return cls(found, columns, config.one_hot)

    @property
    def size(self) -> int:
        """G, length of a goal."""
        return len(self.columns)

    def reached(self, observations: Tensor) -> Tensor:
        """The goal features (..., G) of observations (..., O)."""
        first, last = self.columns[0], self.columns[-1]
        if self.columns == tuple(range(first, last + 1)):
            return observations[..., first : last + 1]
        return observations[..., list(self.columns)]

    def rewards(self, before: Tensor, reached: Tensor, goals: Tensor, config: GoalConfig) -> Tensor:
        """Of steps from features (..., G) to features (..., G) under goals (..., G)."""
        away: Tensor = torch.linalg.vector_norm(reached - goals, dim=-1)
        if config.reward == "distance":
            return -away / config.radius
        if config.reward == "progress":
            was: Tensor = torch.linalg.vector_norm(before - goals, dim=-1)
            return (was - away) / config.radius
        return (away <= config.radius).to(away)

    def checked(self, goals: Any, slots: int) -> Float32Array:
        """Make sure that goals lie in the space.

        Args:
            goals: (slots, G) or one goal (G,) for all.
            slots: number of environments.

        Returns:
            (slots, G).

        Raises:
            InputError: another shape, numbers that are not finite or that no observation has, or
                rows that are not one-hot where goals are.
        """
        try:
            given = np.asarray(goals, np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"goals must be an array of numbers: {error}") from error
        if given.shape not in ((self.size,), (slots, self.size)):
            raise InputError(
                f"goals of {self.family.id} have the shape {(slots, self.size)} here, or "
                f"{(self.size,)} for one goal in all slots; got {given.shape}."
            )
        space = self.family.observation_space
        low, high = (bound[list(self.columns)] for bound in (space.low, space.high))
        inside = np.isfinite(given) & (given >= low) & (given <= high)
        if not inside.all():
            raise InputError(
                f"a goal lies outside the space: {given[~inside][:5].tolist()}; goal features of "
                f"{self.family.id} are finite numbers from {low.min():g} to {high.max():g}."
            )
        zeros, ones = (given == 0.0).sum(-1), (given == 1.0).sum(-1)
        if self.one_hot and not ((ones == 1) & (zeros == self.size - 1)).all():
            raise InputError(
                f"a goal of {self.family.id} is 1 in exactly one feature and 0 in the others."
            )
        return np.array(np.broadcast_to(given, (slots, self.size)))


def goals_of(contexts: Sequence[Context], space: GoalSpace, shown: str) -> Float32Array:
    """What demonstrations show as goals.

    Of several demonstrations, the one counts whose last state is closest to the others' last
    states; all count for what is typical.

    Args:
        contexts: one a slot.
        space: of the goals.
        shown: as :attr:`GoalConfig.shown`.

    Returns:
        A goal a step, (slots, T, G); all are the same unless they are shown in turn.
    """
    found = [_goals_of(context, space, shown) for context in contexts]
    longest = max(map(len, found))
    padded = [np.concatenate((each, each[-1:].repeat(longest - len(each), 0))) for each in found]
    return np.stack(padded)


def _goals_of(context: Context, space: GoalSpace, shown: str) -> Float32Array:
    # What the last action led to does not show what the demonstrator wanted: nothing came after it.
    visited: Float32Array = context.observations[..., list(space.columns)]
    if shown == "typical":
        mean: Float32Array = visited[:, visited.shape[1] // 2 :].mean((0, 1))
        goal = np.eye(space.size, dtype=np.float32)[mean.argmax()] if space.one_hot else mean
        return goal[None]
    chosen: Float32Array = visited[_most_central(visited[:, -1])]
    return chosen if shown == "in turn" else chosen[-1:]


def _most_central(points: FloatArray | Float32Array) -> int:
    """Which of some points (K, G) has the smallest sum of distances to the others."""
    away = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return int(away.sum(1).argmin())
