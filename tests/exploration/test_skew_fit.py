"""Skew-Fit in a table against its closed form."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError
from smile_bench.exploration.quantities import entropy
from smile_bench.exploration.skew_fit import skew, skewed, weighted_fit, weights

ALPHAS = (-1.0, -0.9, -0.5, -0.1, -1e-3)


def models(number: int = 50, states: int = 59) -> FloatArray:
    p = np.random.default_rng(0).random((number, states)) ** 6 + 1e-9
    return np.asarray(p / p.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_log_ratios_shrink_by_one_plus_alpha(alpha: float) -> None:
    logs = np.log(skewed(models(), alpha, 10))
    ratios = logs[..., :, None] - logs[..., None, :]
    # Residual: 1e-14, of ratios up to 19.
    np.testing.assert_allclose(ratios[1:], (1.0 + alpha) * ratios[:-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_entropy_does_not_fall(alpha: float) -> None:
    entropies = entropy(skewed(models(), alpha, 30))
    assert np.diff(entropies, axis=0).min() >= -1e-14
    assert (entropies[1] > entropies[0]).all()


def test_minus_one_is_uniform_in_one_step_over_the_states_seen() -> None:
    p = models()
    p[:, :9] = 0.0
    p /= p.sum(axis=1, keepdims=True)
    expected = np.where(p > 0.0, 1.0 / 50.0, 0.0)
    np.testing.assert_allclose(skew(p, -1.0), expected, rtol=0, atol=1e-16)
    assert np.array_equal(weights(p, -1.0) > 0.0, p > 0.0)


def test_zero_is_maximum_likelihood() -> None:
    np.testing.assert_allclose(skew(models(), 0.0), models(), rtol=1e-14)
    counts = np.array([3.0, 0.0, 1.0])
    assert weighted_fit(counts, np.ones(3)).tolist() == [0.75, 0.0, 0.25]


def test_the_fit_has_the_largest_weighted_likelihood() -> None:
    rng, p = np.random.default_rng(1), models(1)[0]
    counts = rng.multinomial(500, p).astype(np.float64)
    mass = counts * weights(p, -0.5)
    fit = weighted_fit(counts, weights(p, -0.5))
    best = (mass * np.log(np.where(mass > 0.0, fit, 1.0))).sum()
    for _ in range(200):
        other = fit * np.exp(rng.normal(0.0, 0.1, len(fit)))
        other /= other.sum()
        assert (mass * np.log(np.where(mass > 0.0, other, 1.0))).sum() < best


def test_bad_input_is_refused() -> None:
    p = np.array([0.5, 0.5])
    with pytest.raises(InputError, match=r"alpha must be in \[-1, 0\].* got -1.5"):
        skew(p, -1.5)
    with pytest.raises(InputError, match="the model must sum to 1"):
        skew(np.array([0.5, 0.6]), -1.0)
    with pytest.raises(InputError, match="some state that was reached"):
        weighted_fit(np.zeros(2), p)
    with pytest.raises(InputError, match="must not be negative, got -1"):
        skewed(p, -1.0, -1)
