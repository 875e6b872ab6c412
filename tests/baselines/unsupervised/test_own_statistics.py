"""The normaliser of an agent's own steps."""

from __future__ import annotations

import numpy as np
import torch

from smile_bench.baselines.unsupervised.own_statistics import OwnStatistics
from smile_bench.learning.normaliser import Normaliser


def test_statistics_are_those_of_everything_counted_and_change_at_a_fit() -> None:
    rng = np.random.default_rng(0)
    seen = (rng.standard_normal((2, 40, 3)) * [1.0, 5.0, 0.0] + [0.0, 7.0, 2.0]).astype(np.float32)
    statistics = OwnStatistics(2, 3)
    for part in np.split(seen, 4, axis=1):
        statistics.add(torch.from_numpy(part))
    assert torch.equal(statistics(torch.from_numpy(seen)), torch.from_numpy(seen).clamp(-10, 10))
    statistics.fit()
    for index in range(2):
        expected, found = Normaliser.of(seen[index]), statistics.normaliser(index)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6)
        np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-6)
        scores = statistics(torch.from_numpy(seen))[index].numpy()
        np.testing.assert_allclose(scores, found(seen[index]), rtol=1e-6, atol=1e-6)


def test_stored_statistics_continue_the_same() -> None:
    statistics, restored = OwnStatistics(1, 2), OwnStatistics(1, 2)
    statistics.add(torch.rand((1, 5, 2), generator=torch.Generator().manual_seed(0)))
    statistics.fit()
    restored.load_state_dict(0, statistics.state_dict(0))
    for each in (statistics, restored):
        each.add(torch.ones(1, 3, 2))
        each.fit()
    assert torch.equal(statistics.mean, restored.mean)
    assert torch.equal(statistics.scale, restored.scale)
