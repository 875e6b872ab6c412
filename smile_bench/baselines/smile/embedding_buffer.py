"""Recent embeddings of every task, for the policy, which sees them detached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from smile_bench.baselines.imitation.augmentation import SignedPermutations
from smile_bench.baselines.imitation.encoder import ContextEncoder
from smile_bench.learning.replay import take_rows
from smile_bench.learning.streams import Streams

__all__ = ["EmbeddingBuffer"]


class EmbeddingBuffer:
    """E embeddings of each of N tasks in M trainings, each of a context under a permutation.

    Args:
        permutations: of the demonstrations that contexts are sampled from.
        trainings: M.
        shots: numbers of demonstrations in a context.
        timesteps: of each demonstration that the encoder sees.
        each: E.
        length: Z, of an embedding.
    """

    def __init__(
        self,
        permutations: SignedPermutations,
        *,
        trainings: int,
        shots: Sequence[int],
        timesteps: int,
        each: int,
        length: int,
    ) -> None:
        self.permutations, self.demonstrations = permutations, permutations.demonstrations
        self.timesteps = timesteps
        slots: dict[int, list[int]] = {}
        for slot in range(each):
            slots.setdefault(shots[slot % len(shots)], []).append(slot)
        self._slots = slots
        """By the number of demonstrations in their contexts."""
        tasks, device = self.demonstrations.tasks, self.demonstrations.states.device
        self.embeddings = torch.zeros((trainings, tasks, each, length), device=device)
        """(M, N, E, Z)."""
        width = permutations.width
        self.matrices = torch.zeros((trainings, tasks, each, width, width), device=device)
        """The permutation behind each embedding, (M, N, E, L, L)."""
        self._every_task = torch.arange(tasks, device=device)[None]
        self._first = tasks * torch.arange(trainings, device=device)[:, None]

    @torch.no_grad()
    def refresh(self, encoder: ContextEncoder, streams: Streams) -> None:
        """Encode new contexts of every task."""
        tasks = self.demonstrations.tasks
        for shots, slots in self._slots.items():
            rows = self._every_task.expand(len(streams), -1).repeat(1, len(slots))
            features, _ = self.demonstrations.sample_contexts(streams, rows, shots, self.timesteps)
            matrices = self.permutations.sample(streams, rows.shape[1])
            encoded = encoder(self.permutations(features, matrices))
            for number, slot in enumerate(slots):
                part = slice(number * tasks, (number + 1) * tasks)
                self.matrices[:, :, slot] = matrices[:, part]
                self.embeddings[:, :, slot] = encoded[:, part]

    def sample(self, streams: Streams, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """An embedding of each of the tasks (M, B), (M, B, Z), and its matrix, (M, B, L, L)."""
        return self._at(tasks, streams.integers(self.embeddings.shape[2], tasks.shape[1]))

    def sample_all(self, streams: Streams) -> tuple[Tensor, Tensor]:
        """An embedding of every task, (M, N, Z), and their matrices, (M, N, L, L)."""
        slots = streams.integers(self.embeddings.shape[2], 1)
        return self._at(self._every_task, slots.expand(-1, self.demonstrations.tasks))

    def state_dict(self, index: int) -> dict[str, Any]:
        """The embeddings of a training and their matrices."""
        return {"embeddings": self.embeddings[index], "matrices": self.matrices[index]}

    def load_state_dict(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.embeddings[index].copy_(state["embeddings"])
        self.matrices[index].copy_(state["matrices"])

    def _at(self, tasks: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        where = (self._first + tasks) * self.embeddings.shape[2] + slots
        embeddings = take_rows(self.embeddings.flatten(0, 2), where)
        return embeddings, take_rows(self.matrices.flatten(0, 2), where)
