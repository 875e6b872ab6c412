"""PyTorch's view of the batches: the same numbers, for any number of workers."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from smile_bench.batches import BatchSettings, ContextQueryBatches
from smile_bench.batches.pytorch import ContextQueryDataset, ContextQueryStream, TensorBatch
from tests.batches.test_sampling import demonstrations

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
"""Two workers are more than one core suggests, and other tests leave threads behind."""

NUMBER = 6


def batches(*, state_only: bool = False) -> ContextQueryBatches:
    settings = BatchSettings(tasks=3, shots=(1, 2), context_timesteps=4, queries=5)
    return ContextQueryBatches(demonstrations(state_only=state_only), settings, length=NUMBER)


def require_equal(found: list[TensorBatch], first: int = 0, *, state_only: bool = False) -> None:
    made = batches(state_only=state_only)
    assert len(found) == NUMBER
    for tensors, arrays in zip(found, islice(made.endless(first), NUMBER), strict=True):
        assert isinstance(tensors, TensorBatch)
        for tensor, array in zip(tensors, arrays, strict=True):
            assert (array is None) == (tensor is None)
            if array is not None and tensor is not None:
                np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("state_only", [False, True])
def test_the_same_numbers_as_in_numpy(state_only: bool) -> None:
    made = batches(state_only=state_only)
    items = ContextQueryDataset(made)
    require_equal([items[i] for i in range(len(items))], state_only=state_only)
    require_equal(list(islice(ContextQueryStream(made, 4), NUMBER)), 4, state_only=state_only)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_change_nothing(context: str) -> None:
    loader = DataLoader(
        ContextQueryDataset(batches()),
        batch_size=None,
        num_workers=2,
        multiprocessing_context=context,
    )
    require_equal(list(loader))


def test_workers_of_a_stream_take_turns() -> None:
    loader = DataLoader(ContextQueryStream(batches(), 3), batch_size=None, num_workers=2)
    require_equal(list(islice(loader, NUMBER)), 3)


def test_a_batch_can_be_shuffled_and_trained_on() -> None:
    loader = DataLoader(ContextQueryDataset(batches()), batch_size=None, shuffle=True)
    layer = torch.nn.Linear(4, 2)
    for batch in loader:
        (layer(batch.observations) - batch.actions).square().mean().backward()
    assert layer.weight.grad is not None
