"""What inverse-RL agents read from contexts of a grid, and how they act once they have planned.

All of them know the same: the map, which kind each cell is of, the horizon, and that moves slip
with a probability that is the task's. They are told neither that probability nor a weight; both
must come from the context, which therefore needs actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.agents import Context, pad_contexts, require_family
from smile_bench.arrays import BoolArray, Float32Array, FloatArray, IntArray
from smile_bench.envs import get_family
from smile_bench.envs.grid.family import MOVES, GridFamily
from smile_bench.envs.grid.planning import MDP
from smile_bench.errors import AgentError, InputError

__all__ = ["DecodedContexts", "PlannedPolicy", "estimate_slips", "read_contexts", "require_grid"]


SLIPS = np.linspace(0.0, 0.5, 51)
"""Slip probabilities that are held possible, evenly likely before anything is seen."""


@dataclass(frozen=True, eq=False)
class DecodedContexts:
    """What contexts say of B tasks, of K demonstrations at most and T steps."""

    family: GridFamily
    cells: IntArray
    """Where each step was taken, (B, K, T)."""
    moves: IntArray
    """The chosen moves, (B, K, T)."""
    present: BoolArray
    """Which demonstrations there are, (B, K)."""
    slips: FloatArray
    """Estimated slip probabilities, (B,)."""

    @cached_property
    def mdp(self) -> MDP:
        """The estimated dynamics."""
        return self.family.mdp(self.slips)

    @property
    def shots(self) -> IntArray:
        """Demonstrations of each task, (B,)."""
        return np.asarray(self.present.sum(axis=1))

    @cached_property
    def shares(self) -> FloatArray:
        """Weight of each demonstration in means over those of its task, (B, K)."""
        return np.asarray(self.present / self.shots[:, None])

    @cached_property
    def start(self) -> FloatArray:
        """Distribution of the demonstrations' first cells, (B, S)."""
        firsts = np.eye(self.family.cells)[self.cells[:, :, 0]]
        return np.asarray(np.einsum("bk,bks->bs", self.shares, firsts))

    @cached_property
    def visits(self) -> FloatArray:
        """Mean number of steps of a demonstration taken in each cell, (B, S)."""
        each = np.eye(self.family.cells)[self.cells].sum(axis=2)
        return np.asarray(np.einsum("bk,bks->bs", self.shares, each))

    @cached_property
    def counts(self) -> FloatArray:
        """Feature expectations μ_E = Σ_t E[φ(s_t)] of the demonstrations, (B, features)."""
        return self.visits @ self.family.features


def require_grid(family: str) -> GridFamily:
    """A gridworld family.

    Raises:
        AgentError: the family is no grid, so that nothing is exact in it.
    """
    found = get_family(family)
    if not isinstance(found, GridFamily):
        raise AgentError(
            f"{found.id} has no transition tensor; this agent needs a gridworld family, such as "
            "SmileGridGoal-v0."
        )
    return found


def read_contexts(contexts: Sequence[Context], family: GridFamily) -> DecodedContexts:
    """Decode contexts, check them against the dynamics, and estimate the slips.

    Raises:
        AgentError: contexts of another family or without actions; observations that are no cells;
            transitions that no move can make, naming context, demonstration and step.
    """
    require_family(contexts, family.id)
    stacked, present = pad_contexts(contexts)
    if stacked.actions is None:
        raise AgentError(
            "inverse RL on a grid needs the demonstrations' actions: without them a slip can not "
            "be told from a choice."
        )
    cells = _decode_cells(family, stacked.observations, present)
    following = _decode_cells(family, stacked.next_observations, present)
    moves = stacked.actions.argmax(axis=-1)
    consecutive = (following[:, :, :-1] == cells[:, :, 1:]).all(axis=2) | ~present
    if not consecutive.all():
        slot, demonstration = np.argwhere(~consecutive)[0].tolist()
        raise AgentError(
            f"context {slot}, demonstration {demonstration}: a step does not begin where the one "
            "before it ended. Give whole episodes."
        )
    slips = estimate_slips(family, cells, moves, following, present)
    return DecodedContexts(family, cells, moves, present, slips)


def estimate_slips(
    family: GridFamily,
    cells: IntArray,
    moves: IntArray,
    following: IntArray,
    present: BoolArray,
) -> FloatArray:
    """Posterior mean of the slip probabilities (B,) under an even prior on [0, 0.5].

    p(s' | s, a) = (1 − slip) [s' = move(s, a)] + slip/5 Σ_b [s' = move(s, b)].

    Args:
        family: whose map.
        cells: (B, K, T).
        moves: (B, K, T).
        following: the cells after, (B, K, T).
        present: which demonstrations there are, (B, K).

    Raises:
        AgentError: a transition that no move can make.
    """
    landed = family.moves[cells] == following[..., None]
    possible = landed.any(axis=-1) | ~present[..., None]
    if not possible.all():
        slot, demonstration, step = np.argwhere(~possible)[0].tolist()
        raise AgentError(
            f"context {slot}, demonstration {demonstration}, step {step}: no move leads from cell "
            f"{cells[slot, demonstration, step]} to cell {following[slot, demonstration, step]}, "
            "whatever the slip. The context contradicts the dynamics of the family."
        )
    meant = np.take_along_axis(landed, moves[..., None], axis=-1)
    by_chance = landed.mean(axis=-1, keepdims=True)
    likelihood = (1.0 - SLIPS) * meant + SLIPS * by_chance
    with np.errstate(divide="ignore"):  # A slip was seen: a slip probability of 0 is impossible.
        logs = np.log(likelihood).sum(axis=2)
    total = np.where(present[..., None], logs, 0.0).sum(axis=1)
    posterior = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray((posterior @ SLIPS) / posterior.sum(axis=1))


class PlannedPolicy:
    """Acts by a table of policies, one a slot.

    Args:
        family: whose observations it reads.
        policies: π_t(a | s), (slots, T, S, A).
        rng: draws the moves; without it, the likeliest is made.
    """

    def __init__(
        self, family: GridFamily, policies: FloatArray, rng: np.random.Generator | None = None
    ) -> None:
        self.family, self.policies, self.rng = family, policies, rng

    def act(self, observations: NDArray[Any]) -> Float32Array:
        """One-hot moves (slots, A) for observations (slots, O)."""
        cells, times = self.family.decode(observations)
        chances = self.policies[np.arange(len(cells)), times, cells]
        if self.rng is None:
            chosen = chances.argmax(axis=1)
        else:
            drawn = self.rng.random(len(cells))[:, None] > chances.cumsum(axis=1)
            chosen = np.minimum(drawn.sum(axis=1), len(MOVES) - 1)
        return np.asarray(np.eye(len(MOVES), dtype=np.float32)[chosen])


def _decode_cells(family: GridFamily, observations: Float32Array, present: BoolArray) -> IntArray:
    """Cells (B, K, T); any free one where a demonstration is only padding."""
    filled = observations.copy()
    filled[~present] = 0.0
    filled[~present, :, family.free[0]] = 1.0
    try:
        return family.decode(filled)[0]
    except InputError as error:
        raise AgentError(f"a context can not be read: {error}") from error
