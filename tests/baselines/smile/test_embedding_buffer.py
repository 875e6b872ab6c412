"""The buffer's embeddings are of contexts of their own task, under their own permutation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.baselines.imitation.augmentation import SignedPermutations
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.encoder import ContextEncoder, EncoderConfig
from smile_bench.baselines.smile.embedding_buffer import EmbeddingBuffer


@pytest.mark.parametrize("length", [0, 4])
def test_embeddings_are_of_contexts_seen_under_their_matrices(
    demonstrations: TaskDemonstrations, length: int
) -> None:
    permutations = SignedPermutations(demonstrations, length)
    config = EncoderConfig(hidden=8, pooled=8, embedding=5)
    encoder = ContextEncoder(demonstrations.features.shape[-1], config, torch.Generator())
    # All of the 16 demonstrations, so that the contexts are known.
    buffer = EmbeddingBuffer(permutations, shots=(16,), timesteps=50, each=3, length=5)
    rng = np.random.default_rng(0)
    buffer.refresh(encoder, rng)
    assert not buffer.embeddings.requires_grad
    tasks = np.array([5, 0, 5, 63])
    embeddings, matrices = buffer.sample(rng, tasks)
    assert matrices.shape == (4, length, length)
    seen = permutations(demonstrations.features[tasks], matrices)
    torch.testing.assert_close(embeddings, encoder(seen), rtol=1e-4, atol=1e-5)
    everything, views = buffer.sample_all(rng)
    expected = encoder(permutations(demonstrations.features, views))
    torch.testing.assert_close(everything, expected, rtol=1e-4, atol=1e-5)


def test_contexts_cycle_through_the_numbers_of_demonstrations(
    demonstrations: TaskDemonstrations,
) -> None:
    sizes = []

    class Counting(ContextEncoder):
        def forward(
            self,
            features: torch.Tensor,
            present: torch.Tensor | None = None,
            kept: torch.Tensor | None = None,
        ) -> torch.Tensor:
            sizes.append(features.shape[1])
            return super().forward(features, present, kept)

    encoder = Counting(demonstrations.features.shape[-1], EncoderConfig(), torch.Generator())
    permutations = SignedPermutations(demonstrations, 0)
    buffer = EmbeddingBuffer(permutations, shots=(1, 4), timesteps=8, each=3, length=32)
    buffer.refresh(encoder, np.random.default_rng(0))
    assert sizes == [1, 4, 1]


def test_it_continues_from_its_state(demonstrations: TaskDemonstrations) -> None:
    def made() -> EmbeddingBuffer:
        permutations = SignedPermutations(demonstrations, 4)
        return EmbeddingBuffer(permutations, shots=(1,), timesteps=8, each=2, length=5)

    config = EncoderConfig(hidden=8, pooled=8, embedding=5)
    encoder = ContextEncoder(demonstrations.features.shape[-1], config, torch.Generator())
    buffer, other = made(), made()
    buffer.refresh(encoder, np.random.default_rng(0))
    other.load_state_dict(buffer.state_dict())
    tasks = np.arange(6)
    for one, two in zip(
        buffer.sample(np.random.default_rng(1), tasks),
        other.sample(np.random.default_rng(1), tasks),
        strict=True,
    ):
        assert one.any()
        assert torch.equal(one, two)
