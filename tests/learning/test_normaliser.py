"""Z-scores of the meta-train demonstrations, clipped."""

from __future__ import annotations

import numpy as np

from smile_bench.learning.normaliser import CLIP, MINIMUM_SCALE, Normaliser


def test_z_scores_are_those_of_all_observations() -> None:
    rng = np.random.default_rng(0)
    observations = rng.normal(3.0, 2.0, (4, 5, 6, 2)).astype(np.float32)
    scores = Normaliser.of(observations)(observations)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.mean(axis=(0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(scores.std(axis=(0, 1, 2)), 1.0, atol=1e-5)


def test_constant_coordinates_and_strays_stay_finite() -> None:
    normaliser = Normaliser.of(np.full((10, 1), 2.0, np.float32))
    assert normaliser.scale[0] == np.float32(MINIMUM_SCALE)
    assert normaliser(np.array([[2.0], [1e9], [-1e9]]))[:, 0].tolist() == [0.0, CLIP, -CLIP]
