"""Imitation as an auxiliary loss: return plus likelihood of demonstrations (CS285 notes, 6.5.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError
from smile_bench.exploration.softmax import (
    expected_return,
    log_gradient,
    return_gradient,
    softmax,
)

__all__ = ["Hybrid", "hybrid_gradient", "hybrid_objective", "maximise"]


@dataclass(frozen=True, eq=False)
class Hybrid:
    """A task with rewards, and demonstrations of it.

    Raises:
        InputError: counts of another shape or negative, or a weight that is negative or infinite.
    """

    mdp: MDP
    """Dynamics of one task."""
    rewards: FloatArray
    """r(s, a), (1, S, A)."""
    start: FloatArray
    """Distribution of s_1, (1, S)."""
    horizon: int
    """T."""
    counts: FloatArray
    """How often the demonstrations take a in s, (S, A)."""
    weight: float
    """λ: 0 is reinforcement learning, and ever larger weights tend to behaviour cloning."""

    def __post_init__(self) -> None:
        shape = (self.mdp.states, self.mdp.actions)
        if self.counts.shape != shape or not (self.counts >= 0.0).all():
            raise InputError(
                f"counts of demonstrations must have shape {shape} and not be negative, got shape "
                f"{self.counts.shape}."
            )
        if not (np.isfinite(self.weight) and self.weight >= 0.0):
            raise InputError(
                f"the weight of demonstrations must be finite and not negative, got {self.weight}."
            )


def hybrid_objective(hybrid: Hybrid, logits: FloatArray) -> float:
    """E_π[Σ_t r] + λ Σ_{(s, a) in demonstrations} log π(a | s) of logits (S, A).

    Raises:
        InputError: more than one task, or shapes that do not fit.
    """
    h = hybrid
    value = expected_return(h.mdp, h.rewards, logits, h.start, h.horizon)
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return value + h.weight * float((h.counts * logs).sum())


def hybrid_gradient(hybrid: Hybrid, logits: FloatArray) -> FloatArray:
    """The gradient of :func:`hybrid_objective` with respect to the logits, (S, A).

    Raises:
        InputError: more than one task, or shapes that do not fit.
    """
    h = hybrid
    gradient = return_gradient(h.mdp, h.rewards, logits, h.start, h.horizon)
    return gradient + h.weight * log_gradient(logits, h.counts)


def maximise(hybrid: Hybrid, logits: FloatArray, steps: int) -> FloatArray:
    """The policy π(a | s), (S, A), after gradient ascent whose steps never lower the objective.

    A step is halved until it gains at least half of what the slope promises, and the next one tries
    twice its length. Without demonstrations the objective is not concave, so that the end can
    be a local maximum.

    Args:
        hybrid: the task and its demonstrations.
        logits: where to begin, (S, A).
        steps: the largest number of steps.

    Raises:
        InputError: more than one task, or shapes that do not fit.
    """
    length, now = 1.0, hybrid_objective(hybrid, logits)
    for _ in range(steps):
        gradient = hybrid_gradient(hybrid, logits)
        slope = float((gradient**2).sum())
        while length * slope > 1e-15 * (1.0 + abs(now)):
            then = hybrid_objective(hybrid, logits + length * gradient)
            if then >= now + 0.5 * length * slope:
                break
            length /= 2.0
        else:
            break
        logits, now, length = logits + length * gradient, then, 2.0 * length
    return softmax(logits)
