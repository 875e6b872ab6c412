"""Contexts of a grid, decoded for inverse-RL agents, and the policy that acts by their plans.

Every inverse-RL agent knows the map, the kind of each cell and the horizon. It also knows that
moves slip with an unknown probability, one per task. It must infer that probability and the reward
weights from the context. The context therefore needs actions.
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
"""The slip probabilities considered, all equally likely before a context is seen."""


@dataclass(frozen=True, eq=False)
class DecodedContexts:
    """The contexts of B tasks in cells and moves, with at most K demonstrations of T steps each."""

    family: GridFamily
    cells: IntArray
    """The cell of each step, (B, K, T)."""
    moves: IntArray
    """The chosen moves, (B, K, T)."""
    present: BoolArray
    """Which demonstrations exist; the others are padding, (B, K)."""
    slips: FloatArray
    """Estimated slip probabilities, (B,)."""

    @cached_property
    def mdp(self) -> MDP:
        """The dynamics with the estimated slips."""
        return self.family.mdp(self.slips)

    @property
    def shots(self) -> IntArray:
        """The number of demonstrations of each task, (B,)."""
        return np.asarray(self.present.sum(axis=1))

    @cached_property
    def shares(self) -> FloatArray:
        """The weight of each demonstration in a mean over its task's demonstrations, (B, K)."""
        return np.asarray(self.present / self.shots[:, None])

    @cached_property
    def start(self) -> FloatArray:
        """Distribution of the demonstrations' first cells, (B, S)."""
        firsts = np.eye(self.family.cells)[self.cells[:, :, 0]]
        return np.asarray(np.einsum("bk,bks->bs", self.shares, firsts))

    @cached_property
    def visits(self) -> FloatArray:
        """How many steps a demonstration spends in each cell on average, (B, S)."""
        each = np.eye(self.family.cells)[self.cells].sum(axis=2)
        return np.asarray(np.einsum("bk,bks->bs", self.shares, each))

    @cached_property
    def counts(self) -> FloatArray:
        """Feature expectations μ_E = Σ_t E[φ(s_t)] of the demonstrations, (B, features)."""
        return self.visits @ self.family.features


def require_grid(family: str) -> GridFamily:
    """A gridworld family by its id.

    Raises:
        AgentError: the family is not a gridworld.
        UnknownNameError: no such family.
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

    Args:
        contexts: one per task.
        family: the gridworld family that they belong to.

    Raises:
        AgentError: a context of another family or without actions; an observation that is not a
            free cell; a transition that no move can make. The message names the context,
            demonstration and step.
    """
    require_family(contexts, family.id)
    stacked, present = pad_contexts(contexts)
    if stacked.actions is None:
        raise AgentError(
            "inverse RL on a grid needs the demonstrations' actions, and these contexts have none: "
            "without them a slip looks like a choice. Give contexts with actions."
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
    """Posterior mean of the slip probabilities (B,) under a uniform prior on [0, 0.5].

    p(s' | s, a) = (1 − slip) [s' = move(s, a)] + slip/5 Σ_b [s' = move(s, b)].

    Args:
        family: the gridworld family, for its map.
        cells: the cell of each step, (B, K, T).
        moves: the chosen moves, (B, K, T).
        following: the cell after each step, (B, K, T).
        present: which demonstrations exist, (B, K).

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
    as_chosen = np.take_along_axis(landed, moves[..., None], axis=-1)
    by_slip = landed.mean(axis=-1, keepdims=True)
    likelihood = (1.0 - SLIPS) * as_chosen + SLIPS * by_slip
    with np.errstate(
        divide="ignore"
    ):  # Once a slip was seen, a slip probability of 0 is impossible.
        logs = np.log(likelihood).sum(axis=2)
    total = np.where(present[..., None], logs, 0.0).sum(axis=1)
    posterior = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray((posterior @ SLIPS) / posterior.sum(axis=1))


class PlannedPolicy:
    """Acts by a table of policies, one per slot.

    Args:
        family: the gridworld family, for its observations.
        policies: π_t(a | s), (slots, T, S, A).
        rng: samples the moves; without it, the policy takes the likeliest move.
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
            passed = self.rng.random(len(cells))[:, None] > chances.cumsum(axis=1)
            chosen = np.minimum(passed.sum(axis=1), len(MOVES) - 1)
        return np.asarray(np.eye(len(MOVES), dtype=np.float32)[chosen])


def _decode_cells(family: GridFamily, observations: Float32Array, present: BoolArray) -> IntArray:
    """Cells (B, K, T); an arbitrary free cell where a demonstration is padding."""
    filled = observations.copy()
    filled[~present] = 0.0
    filled[~present, :, family.free[0]] = 1.0
    try:
        return family.decode(filled)[0]
    except InputError as error:
        raise AgentError(f"a context cannot be read: {error}") from error
