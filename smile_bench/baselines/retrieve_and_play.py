"""Retrieve-and-Play: act as the context's expert did in the most similar state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smile_bench.agents import Context, pad_contexts, require_family
from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.baselines.registry import AgentSpec
from smile_bench.datasets import load_dataset
from smile_bench.errors import AgentError
from smile_bench.learning.normaliser import Normaliser

__all__ = ["AGENTS", "RetrieveAndPlay", "RetrieveAndPlayPolicy"]


class RetrieveAndPlayPolicy:
    """Looks up the nearest observation of each slot's context and repeats its action.

    Args:
        normaliser: scales the observations before distances are taken.
        keys: normalised observations of the contexts, (slots, M, observation_size).
        actions: the expert's action in each of them, (slots, M, nu).
        present: which of them exist; the others are padding, (slots, M).
    """

    def __init__(
        self,
        normaliser: Normaliser,
        keys: Float32Array,
        actions: Float32Array,
        present: BoolArray,
    ) -> None:
        self.normaliser, self.keys, self.actions = normaliser, keys, actions
        # ‖k‖² − 2 q·k orders keys as ‖q − k‖² does. A padding key is infinitely far away.
        self.offsets = np.where(present, np.square(keys).sum(axis=2), np.inf).astype(np.float32)

    def act(self, observations: FloatArray) -> Float32Array:
        """Actions (slots, nu) for observations (slots, observation_size)."""
        queries = self.normaliser(observations)
        products = np.matmul(self.keys, queries[:, :, None])[:, :, 0]
        nearest = np.argmin(self.offsets - 2.0 * products, axis=1)
        actions: Float32Array = self.actions[np.arange(len(queries)), nearest]
        return actions


class RetrieveAndPlay:
    """1-nearest-neighbour lookup in the context. It learns only the scale of the observations.

    Args:
        family: the family's id.
        normaliser: scales observations; by default fitted to the meta-train demonstrations.
    """

    name = "retrieve-and-play"

    def __init__(self, family: str, normaliser: Normaliser | None = None) -> None:
        self.family = family
        self.normaliser = normaliser or Normaliser.of(load_dataset(family).train.observations)

    def adapt(self, contexts: Sequence[Context]) -> RetrieveAndPlayPolicy:
        """Index the contexts.

        Raises:
            AgentError: a context of another family, or without actions.
        """
        require_family(contexts, self.family)
        stacked, present = pad_contexts(contexts)
        if stacked.actions is None:
            raise AgentError(
                "retrieve-and-play needs the demonstrations' actions, and these contexts have "
                "none. Give contexts with actions."
            )
        slots, _, length, _ = stacked.observations.shape
        return RetrieveAndPlayPolicy(
            self.normaliser,
            self.normaliser(stacked.observations).reshape(slots, -1, stacked.observations.shape[3]),
            stacked.actions.reshape(slots, -1, stacked.actions.shape[3]),
            np.repeat(present, length, axis=1),
        )


AGENTS = (
    AgentSpec(
        name="retrieve-and-play",
        summary="acts as its context's expert did in the most similar state",
        load=RetrieveAndPlay,
    ),
)
