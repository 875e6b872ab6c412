"""Batches of contexts and queries as PyTorch datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from smile_bench.batches.sampling import Batch, ContextQueryBatches

__all__ = ["ContextQueryDataset", "ContextQueryStream", "TensorBatch", "as_tensors"]


class TensorBatch(NamedTuple):
    """A :class:`smile_bench.batches.Batch` as tensors; what is hidden is None."""

    tasks: Tensor
    context_observations: Tensor
    context_actions: Tensor | None
    context_next_observations: Tensor
    observations: Tensor
    actions: Tensor | None
    next_observations: Tensor


def as_tensors(batch: Batch) -> TensorBatch:
    """The same batch as tensors, which share its memory."""
    parts: Any = (None if part is None else torch.from_numpy(part) for part in batch)
    return TensorBatch(*parts)


class ContextQueryDataset(Dataset[TensorBatch]):
    """Item i is batch i of :class:`smile_bench.batches.ContextQueryBatches`.

    Turn off the loader's own batching: ``DataLoader(dataset, batch_size=None, num_workers=2)``. The
    batches are the same for any number of workers, forked or spawned.

    Args:
        batches: where they come from.
    """

    def __init__(self, batches: ContextQueryBatches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> TensorBatch:
        return as_tensors(self.batches[index])


class ContextQueryStream(IterableDataset[TensorBatch]):
    """Batches without an end, from batch ``first`` on.

    With W workers, worker w makes each W-th batch, so that a ``DataLoader`` with
    ``batch_size=None`` returns them in the order of one worker.

    Args:
        batches: where they come from.
        first: where to begin; continue a training with the number of batches that it has had.
    """

    def __init__(self, batches: ContextQueryBatches, first: int = 0) -> None:
        self.batches, self.first = batches, first

    def __iter__(self) -> Iterator[TensorBatch]:
        worker: Any = get_worker_info()
        own, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        return map(as_tensors, self.batches.endless(self.first + own, step))
