"""Dynamics of finite Markov decision processes, many tasks at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.errors import InputError

__all__ = ["MDP", "TOLERANCE", "UNDERFLOW", "largest"]


TOLERANCE = 1e-9
"""How far the sum of probabilities may be from 1."""
UNDERFLOW = 1e-250
"""Below this, a sum of exponentials has lost its digits."""


@dataclass(frozen=True, eq=False)
class MDP:
    """Dynamics of B tasks: P(s' | s, a) = Σ_m mixing[a, m] · [moves[s, m] = s'].

    A move m leads from each state to one next state. An action is a distribution over moves. A grid
    has five moves and mixes them by the slip. Any transition tensor fits with one move per next
    state (:meth:`from_tensor`).

    Raises:
        InputError: shapes that do not fit, moves out of range, or mixing rows that are negative,
            not finite or do not sum to 1.
    """

    moves: IntArray
    """Where each move leads, (S, M)."""
    mixing: FloatArray
    """Probability of each move, (B, S, A, M), or (B, 1, A, M) where states do not differ."""

    def __post_init__(self) -> None:
        states, moves = self.moves.shape
        if self.mixing.ndim != 4 or self.mixing.shape[1] not in (1, states):
            raise InputError(
                f"mixing must have shape (tasks, {states} or 1, actions, {moves}), got "
                f"{self.mixing.shape}."
            )
        if self.mixing.shape[3] != moves:
            raise InputError(f"mixing has {self.mixing.shape[3]} moves, but there are {moves}.")
        if self.moves.min() < 0 or self.moves.max() >= states:
            raise InputError(f"moves must lead to states 0 to {states - 1}.")
        residual = np.abs(self.mixing.sum(axis=3) - 1.0)
        if not np.isfinite(self.mixing).all() or self.mixing.min() < 0.0:
            raise InputError("transition probabilities must be finite and not negative.")
        if residual.max() > TOLERANCE:
            where = np.unravel_index(int(residual.argmax()), residual.shape)
            raise InputError(
                f"transition probabilities must sum to 1; those of (task, state, action) "
                f"{tuple(int(i) for i in where)} miss it by {residual.max():.3g}."
            )

    @classmethod
    def from_tensor(cls, transitions: FloatArray) -> MDP:
        """Dynamics from transition tensors P(s' | s, a), (B, S, A, S).

        Raises:
            InputError: another shape, or rows that are not distributions.
        """
        transitions = np.asarray(transitions, np.float64)
        if transitions.ndim != 4 or transitions.shape[1] != transitions.shape[3]:
            raise InputError(
                f"a transition tensor has shape (tasks, states, actions, states), got "
                f"{transitions.shape}."
            )
        states = transitions.shape[1]
        return cls(np.tile(np.arange(states), (states, 1)), transitions)

    @property
    def tasks(self) -> int:
        """B."""
        return len(self.mixing)

    @property
    def states(self) -> int:
        """S."""
        return len(self.moves)

    @property
    def actions(self) -> int:
        """A."""
        return int(self.mixing.shape[2])

    @cached_property
    def tensor(self) -> FloatArray:
        """P(s' | s, a) as an array (B, S, A, S)."""
        lands, full = np.eye(self.states)[self.moves], np.broadcast_to(self.mixing, self._full)
        return np.asarray(np.einsum("bsam,smz->bsaz", full, lands))

    def moved(self, values: FloatArray) -> FloatArray:
        """Values (B, S) where each move leads, (B, S, M)."""
        return np.take(values, self.moves.reshape(-1), axis=1).reshape(-1, *self.moves.shape)

    def mixed(self, moved: FloatArray) -> FloatArray:
        """Averages of (B, S, M) over the moves of each action, (B, S, A)."""
        if self.mixing.shape[1] == 1:
            return np.asarray(np.matmul(moved, self._mixing_of_moves))
        return np.asarray(np.matmul(self.mixing, moved[..., None])[..., 0])

    def expected(self, values: FloatArray) -> FloatArray:
        """E[v(s') | s, a], (B, S, A), of values (B, S)."""
        return self.mixed(self.moved(values))

    def log_expected(self, values: FloatArray) -> FloatArray:
        """log E[exp v(s') | s, a], (B, S, A), of values (B, S)."""
        moved = self.moved(values)
        top = largest(moved)[..., None]
        mixed = self.mixed(np.exp(moved - top))
        if mixed.min() > UNDERFLOW:
            return np.asarray(np.log(mixed) + top)
        # Some action never makes the best move, and all its others vanish beside it: shift each
        # action by the best of its own moves.
        own = np.where(self.mixing > 0.0, moved[:, :, None], -np.inf)
        own_top = own.max(axis=3)
        shares = (self.mixing * np.exp(own - own_top[..., None])).sum(axis=3)
        return np.asarray(np.log(shares) + own_top)

    def push(self, flow: FloatArray) -> FloatArray:
        """Σ_{s, a} flow(s, a) P(s' | s, a), (B, S), of flows (B, S, A)."""
        if self.mixing.shape[1] == 1:
            by_move = np.matmul(flow, self.mixing[:, 0])
        else:
            by_move = np.matmul(flow[..., None, :], self.mixing)[..., 0, :]
        return self.land(by_move)

    def land(self, by_move: FloatArray) -> FloatArray:
        """Σ_{s, m} by_move(s, m) [moves(s, m) = s'], (B, S), of (B, S, M)."""
        size = self.tasks * self.states
        landed = np.bincount(self._targets, by_move.reshape(-1), minlength=size)
        return landed.reshape(self.tasks, self.states).astype(np.float64)

    def require_rewards(self, rewards: FloatArray, horizon: int) -> None:
        """Refuse rewards (B, S, A) or (B, S, 1), or a horizon T, that do not fit the dynamics.

        Raises:
            InputError: another shape, a number that is not finite, or a horizon below 1.
        """
        shape = (self.tasks, self.states)
        fits = rewards.ndim == 3 and rewards.shape[:2] == shape
        if not fits or rewards.shape[2] not in (1, self.actions):
            raise InputError(
                f"rewards must have shape {(*shape, self.actions)} or {(*shape, 1)}, got "
                f"{rewards.shape}."
            )
        if not np.isfinite(rewards).all():
            raise InputError("rewards must be finite; forbid a state with a large negative number.")
        if horizon < 1:
            raise InputError(f"the horizon must be at least 1, got {horizon}.")

    def require_start(self, start: FloatArray) -> FloatArray:
        """Check distributions of the first state, (B, S), and return them as an array.

        Raises:
            InputError: another shape, or not a distribution.
        """
        start = np.asarray(start, np.float64)
        shape = (self.tasks, self.states)
        if start.shape != shape:
            raise InputError(f"start must have shape {shape}, got {start.shape}.")
        if start.min() < 0.0 or np.abs(start.sum(axis=1) - 1.0).max() > TOLERANCE:
            raise InputError("start must be a distribution over states for every task.")
        return start

    @cached_property
    def _targets(self) -> IntArray:
        first = self.states * np.arange(self.tasks)[:, None, None]
        return np.asarray(first + self.moves[None]).reshape(-1)

    @cached_property
    def _mixing_of_moves(self) -> FloatArray:
        return np.ascontiguousarray(self.mixing[:, 0].transpose(0, 2, 1))

    @property
    def _full(self) -> tuple[int, int, int, int]:
        return (self.tasks, self.states, self.actions, self.moves.shape[1])


def largest(values: FloatArray) -> FloatArray:
    """The maximum over a short last axis; faster than NumPy's own, which goes row by row."""
    top = values[..., 0].copy()
    for i in range(1, values.shape[-1]):
        np.maximum(top, values[..., i], out=top)
    return top
