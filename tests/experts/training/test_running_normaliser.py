"""Running statistics equal those of everything absorbed."""

from __future__ import annotations

import numpy as np

from smile_bench.experts.training.running_normaliser import RunningNormaliser


def test_each_training_has_the_statistics_of_all_its_batches() -> None:
    rng = np.random.default_rng(0)
    batches = [rng.normal(i, 1.0 + i, (2, 10 * (i + 1), 3)) for i in range(4)]
    normaliser = RunningNormaliser(2, 3, 1e-3)
    for batch in batches:
        normaliser.absorb(batch)
    together = np.concatenate(batches, axis=1)
    np.testing.assert_allclose(normaliser.mean, together.mean(axis=1))
    np.testing.assert_allclose(normaliser.scale, together.std(axis=1))
    features = rng.normal(size=(2, 5, 4, 3))
    expected = (features[1] - normaliser.mean[1]) / normaliser.scale[1]
    np.testing.assert_allclose(normaliser(features)[1], expected, rtol=1e-5, atol=1e-6)


def test_features_with_a_fixed_scale_keep_it() -> None:
    rng = np.random.default_rng(0)
    normaliser = RunningNormaliser(1, 3, 1e-3, clip=2.0, fixed_scale=0.7, fixed_from=1)
    normaliser.absorb(rng.normal(5.0, 3.0, (1, 50, 3)))
    np.testing.assert_allclose(normaliser.scale[:, 1:], 0.7)
    np.testing.assert_array_equal(normaliser.mean[:, 1:], 0.0)
    assert normaliser.mean[0, 0] > 4.0
    scores = normaliser(np.array([[[5.0, 0.35, 70.0]]]))
    np.testing.assert_allclose(scores[0, 0, 1:], [0.5, 2.0])


def test_a_training_continues_from_its_state() -> None:
    rng = np.random.default_rng(0)
    one, other = (RunningNormaliser(2, 2, 1e-3, first_count=1e-4) for _ in range(2))
    one.absorb(rng.normal(size=(2, 5, 2)))
    state = one.state_dict(1)
    batch = rng.normal(size=(2, 7, 2))
    one.absorb(batch)
    # The state is a copy.
    other.load_state_dict(1, state)
    other.absorb(batch)
    np.testing.assert_array_equal(one.mean[1], other.mean[1])
    np.testing.assert_array_equal(one.scale[1], other.scale[1])
    assert not np.allclose(one.mean[0], other.mean[0])
