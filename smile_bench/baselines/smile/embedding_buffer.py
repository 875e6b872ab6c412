"""Recent codes of every task: the policy sees z detached, so that codes may be a little old."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.augmentation import SignedPermutations
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.encoder import ContextEncoder
from smile_bench.learning.devices import index

__all__ = ["EmbeddingBuffer"]


class EmbeddingBuffer:
    """M codes of each of N tasks, each of a context that was seen under its own symmetry.

    Args:
        demonstrations: to draw contexts from.
        symmetry: under which contexts are seen; each code has a matrix of its own.
        sizes: how many demonstrations a context may have.
        timesteps: of each demonstration that the encoder sees.
        each: M.
        length: Z, of a code.
    """

    def __init__(
        self,
        demonstrations: TaskDemonstrations,
        symmetry: SignedPermutations,
        *,
        sizes: Sequence[int],
        timesteps: int,
        each: int,
        length: int,
    ) -> None:
        self.demonstrations, self.symmetry = demonstrations, symmetry
        self.sizes, self.timesteps = sizes, timesteps
        tasks, device = demonstrations.tasks, demonstrations.states.device
        self.codes = torch.zeros((tasks, each, length), device=device)
        """(N, M, Z)."""
        self.matrices = torch.zeros((tasks, each, symmetry.length, symmetry.length), device=device)
        """Of the symmetry of each code, (N, M, L, L)."""

    @torch.no_grad()
    def refresh(self, encoder: ContextEncoder, rng: np.random.Generator) -> None:
        """Encode new contexts of every task, of all sizes in turn."""
        everything = np.arange(self.demonstrations.tasks)
        for slot in range(self.codes.shape[1]):
            features, _ = self.demonstrations.sample_contexts(
                rng, everything, self.sizes[slot % len(self.sizes)], self.timesteps
            )
            self.matrices[:, slot] = self.symmetry.sample(rng, len(everything))
            self.codes[:, slot] = encoder(self.symmetry(features, self.matrices[:, slot]))

    def sample(self, rng: np.random.Generator, tasks: IntArray) -> tuple[Tensor, Tensor]:
        """A code of each of the tasks (B,), (B, Z), and its symmetry's matrix, (B, L, L)."""
        which = rng.integers(self.codes.shape[1], size=tasks.shape)
        return index(self.codes, tasks, which), index(self.matrices, tasks, which)

    def sample_slot(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A code of every task, (N, Z), and their matrices, (N, L, L)."""
        slot = int(rng.integers(self.codes.shape[1]))
        return self.codes[:, slot], self.matrices[:, slot]
