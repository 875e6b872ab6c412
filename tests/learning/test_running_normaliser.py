"""Running statistics equal those of everything absorbed."""

from __future__ import annotations

import numpy as np

from smile_bench.learning.running_normaliser import RunningNormaliser


def test_running_normaliser_has_the_statistics_of_all_batches() -> None:
    rng = np.random.default_rng(0)
    batches = [rng.normal(i, 1.0 + i, (10 * (i + 1), 3)) for i in range(4)]
    normaliser = RunningNormaliser(3, 1e-3)
    for batch in batches:
        normaliser.absorb(batch)
    together = np.concatenate(batches)
    np.testing.assert_allclose(normaliser.mean, together.mean(axis=0))
    np.testing.assert_allclose(normaliser.scale, together.std(axis=0))


def test_features_with_a_fixed_scale_keep_it() -> None:
    rng = np.random.default_rng(0)
    normaliser = RunningNormaliser(3, 1e-3, clip=2.0, fixed_scale=0.7, fixed_from=1)
    normaliser.absorb(rng.normal(5.0, 3.0, (50, 3)))
    np.testing.assert_allclose(normaliser.scale[1:], 0.7)
    np.testing.assert_array_equal(normaliser.mean[1:], 0.0)
    assert normaliser.mean[0] > 4.0
    scores = normaliser(np.array([[5.0, 0.35, 70.0]]))
    np.testing.assert_allclose(scores[0, 1:], [0.5, 2.0])


def test_it_continues_from_its_state() -> None:
    rng = np.random.default_rng(0)
    one, other = (RunningNormaliser(2, 1e-3, first_count=1e-4) for _ in range(2))
    one.absorb(rng.normal(size=(5, 2)))
    other.load_state_dict(one.state_dict())
    batch = rng.normal(size=(7, 2))
    for each in (one, other):
        each.absorb(batch)
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.scale, other.scale)
