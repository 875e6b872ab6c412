"""The buffer's embeddings are of contexts of their own task, under their own permutation."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from smile_bench.baselines.imitation.augmentation import SignedPermutations
from smile_bench.baselines.imitation.encoder import ContextEncoder, EncoderConfig
from smile_bench.baselines.smile.embedding_buffer import EmbeddingBuffer
from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import Streams

SMALL = EncoderConfig(hidden=8, pooled=8, embedding=5)


def encoder_for(demonstrations: TaskDemonstrations) -> ContextEncoder:
    return ContextEncoder(demonstrations.features.shape[-1], SMALL, initial_generators((0, 1)))


@pytest.mark.parametrize("length", [0, 4])
def test_embeddings_are_of_contexts_seen_under_their_matrices(
    demonstrations: TaskDemonstrations, length: int
) -> None:
    permutations, encoder = SignedPermutations(demonstrations, length), encoder_for(demonstrations)
    # All of the 16 demonstrations, so that the contexts are known.
    buffer = EmbeddingBuffer(permutations, trainings=2, shots=(16,), timesteps=50, each=3, length=5)
    streams = Streams((0, 1))
    buffer.refresh(encoder, streams)
    assert not buffer.embeddings.requires_grad
    tasks = torch.tensor([[5, 0, 5, 63], [1, 2, 3, 1]])
    embeddings, matrices = buffer.sample(streams, tasks)
    assert matrices.shape == (2, 4, length, length)
    seen = permutations(demonstrations.features[tasks], matrices)
    torch.testing.assert_close(embeddings, encoder(seen), rtol=1e-4, atol=1e-5)
    everything, views = buffer.sample_all(streams)
    features = demonstrations.features.expand(2, -1, -1, -1, -1)
    expected = encoder(permutations(features, views))
    torch.testing.assert_close(everything, expected, rtol=1e-4, atol=1e-5)
    if length:
        assert not torch.equal(matrices[0, 0], matrices[0, 1])


def test_all_embeddings_of_a_task_are_sampled(demonstrations: TaskDemonstrations) -> None:
    permutations = SignedPermutations(demonstrations, 0)
    buffer = EmbeddingBuffer(permutations, trainings=2, shots=(1,), timesteps=8, each=3, length=1)
    number = torch.arange(buffer.embeddings.numel(), dtype=torch.float32)
    buffer.embeddings.copy_(number.view_as(buffer.embeddings))
    tasks = torch.tensor([[7] * 200, [2] * 200])
    embeddings, _ = buffer.sample(Streams((0, 1)), tasks)
    for index, task in ((0, 7), (1, 2)):
        expected = {*buffer.embeddings[index, task, :, 0].tolist()}
        assert len(expected) == 3
        assert {*embeddings[index, :, 0].tolist()} == expected


def test_contexts_cycle_through_the_numbers_of_demonstrations(
    demonstrations: TaskDemonstrations,
) -> None:
    sizes = []

    class Counting(ContextEncoder):
        def forward(
            self, features: Tensor, present: Tensor | None = None, kept: Tensor | None = None
        ) -> Tensor:
            sizes.append((features.shape[1] // demonstrations.tasks, features.shape[2]))
            return super().forward(features, present, kept)

    encoder = Counting(demonstrations.features.shape[-1], EncoderConfig(), initial_generators((0,)))
    permutations = SignedPermutations(demonstrations, 0)
    buffer = EmbeddingBuffer(
        permutations, trainings=1, shots=(1, 4), timesteps=8, each=3, length=32
    )
    buffer.refresh(encoder, Streams((0,)))
    # Of three embeddings a task, two are of one demonstration.
    assert sizes == [(2, 1), (1, 4)]
    assert buffer.embeddings.abs().amax(-1).all()


def test_it_continues_from_its_state(demonstrations: TaskDemonstrations) -> None:
    permutations = SignedPermutations(demonstrations, 4)

    def made() -> EmbeddingBuffer:
        return EmbeddingBuffer(permutations, trainings=2, shots=(1,), timesteps=8, each=2, length=5)

    buffer, other = made(), made()
    buffer.refresh(encoder_for(demonstrations), Streams((0, 1)))
    for index in range(2):
        other.load_state_dict(index, copy.deepcopy(buffer.state_dict(index)))
    tasks = torch.arange(12).view(2, 6)
    for one, two in zip(
        buffer.sample(Streams((2, 3)), tasks), other.sample(Streams((2, 3)), tasks), strict=True
    ):
        assert one.any()
        assert torch.equal(one, two)
