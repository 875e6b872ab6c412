"""The bank's codes are those of contexts of their own task, under their own symmetry."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.baselines.imitation.augmentation import SignedPermutations
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.encoder import ContextEncoder, EncoderConfig
from smile_bench.baselines.smile.embedding_buffer import EmbeddingBuffer


@pytest.mark.parametrize("length", [0, 4])
def test_codes_are_of_contexts_seen_under_their_matrices(
    demonstrations: TaskDemonstrations, length: int
) -> None:
    symmetry = SignedPermutations(demonstrations, length)
    config = EncoderConfig(hidden=8, pooled=8, code=5)
    encoder = ContextEncoder(demonstrations.features.shape[-1], config, torch.Generator())
    # All of the 16 demonstrations: which ones make a context is then no matter of chance.
    bank = EmbeddingBuffer(demonstrations, symmetry, sizes=(16,), timesteps=50, each=3, length=5)
    rng = np.random.default_rng(0)
    bank.refresh(encoder, rng)
    assert not bank.codes.requires_grad
    tasks = np.array([5, 0, 5, 63])
    codes, matrices = bank.sample(rng, tasks)
    assert matrices.shape == (4, length, length)
    seen = symmetry(demonstrations.features[tasks], matrices)
    torch.testing.assert_close(codes, encoder(seen), rtol=1e-4, atol=1e-5)
    everything, views = bank.sample_slot(rng)
    expected = encoder(symmetry(demonstrations.features, views))
    torch.testing.assert_close(everything, expected, rtol=1e-4, atol=1e-5)


def test_sizes_of_contexts_come_in_turn(demonstrations: TaskDemonstrations) -> None:
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
    symmetry = SignedPermutations(demonstrations, 0)
    bank = EmbeddingBuffer(demonstrations, symmetry, sizes=(1, 4), timesteps=8, each=3, length=32)
    bank.refresh(encoder, np.random.default_rng(0))
    assert sizes == [1, 4, 1]
