"""Recent embeddings of every task, for the policy, which sees them detached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.augmentation import SignedPermutations
from smile_bench.baselines.imitation.encoder import ContextEncoder
from smile_bench.learning.devices import index

__all__ = ["EmbeddingBuffer"]


class EmbeddingBuffer:
    """M embeddings of each of N tasks, each of a context under a permutation of its own.

    Args:
        permutations: of the demonstrations that contexts are sampled from.
        shots: numbers of demonstrations in a context.
        timesteps: of each demonstration that the encoder sees.
        each: M.
        length: Z, of an embedding.
    """

    def __init__(
        self,
        permutations: SignedPermutations,
        *,
        shots: Sequence[int],
        timesteps: int,
        each: int,
        length: int,
    ) -> None:
        self.permutations, self.demonstrations = permutations, permutations.demonstrations
        self.shots, self.timesteps = shots, timesteps
        tasks, device = self.demonstrations.tasks, self.demonstrations.states.device
        self.embeddings = torch.zeros((tasks, each, length), device=device)
        """(N, M, Z)."""
        width = permutations.width
        self.matrices = torch.zeros((tasks, each, width, width), device=device)
        """The permutation behind each embedding, (N, M, L, L)."""

    @torch.no_grad()
    def refresh(self, encoder: ContextEncoder, rng: np.random.Generator) -> None:
        """Encode new contexts of every task, cycling through the numbers of demonstrations."""
        tasks = np.arange(self.demonstrations.tasks)
        for slot in range(self.embeddings.shape[1]):
            shots = self.shots[slot % len(self.shots)]
            features, _ = self.demonstrations.sample_contexts(rng, tasks, shots, self.timesteps)
            self.matrices[:, slot] = self.permutations.sample(rng, len(tasks))
            seen = self.permutations(features, self.matrices[:, slot])
            self.embeddings[:, slot] = encoder(seen)

    def sample(self, rng: np.random.Generator, tasks: IntArray) -> tuple[Tensor, Tensor]:
        """An embedding of each of the tasks (B,), (B, Z), and its matrix, (B, L, L)."""
        which = rng.integers(self.embeddings.shape[1], size=tasks.shape)
        return index(self.embeddings, tasks, which), index(self.matrices, tasks, which)

    def sample_all(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """An embedding of every task, (N, Z), and their matrices, (N, L, L)."""
        slot = int(rng.integers(self.embeddings.shape[1]))
        return self.embeddings[:, slot], self.matrices[:, slot]

    def state_dict(self) -> dict[str, Any]:
        """The embeddings and their matrices."""
        return {"embeddings": self.embeddings, "matrices": self.matrices}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.embeddings.copy_(state["embeddings"])
        self.matrices.copy_(state["matrices"])
