"""Dynamics of finite Markov decision processes, many tasks at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.errors import InputError

__all__ = ["MDP", "TOLERANCE"]


TOLERANCE = 1e-9
"""How far probabilities may be from summing to 1."""


@dataclass(frozen=True, eq=False)
class MDP:
    """Dynamics of B tasks: P(s' | s, a) = Σ_m mixing[a, m] · [moves[s, m] = s'].

    A move m leads from each state to one other; an action is a distribution over moves. A grid has
    its five moves and mixes them by the slip; any tensor fits with one move for each next state
    (:meth:`from_tensor`).

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
        """Dynamics from transition tensors (B, S, A, S)."""
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
        """P(s' | s, a) in full, (B, S, A, S)."""
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
