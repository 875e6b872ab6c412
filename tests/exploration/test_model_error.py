"""Errors of fitted models against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.errors import InputError
from smile_bench.exploration.model_error import (
    error_floor,
    expected_error,
    fit_linear,
    fit_table,
)
from tests.helpers import small_mdp as small

ONE_HOT = np.eye(FAMILY.cells)


def fitted(slip: float, samples: int, seed: int = 0) -> FloatArray:
    """A table fitted to the given number of transitions of every cell and move."""
    rng, mdp = np.random.default_rng(seed), FAMILY.mdp(np.array([slip]))
    states, actions = np.divmod(np.arange(mdp.states * mdp.actions), mdp.actions)
    states, actions = np.repeat(states, samples), np.repeat(actions, samples)
    levels = mdp.mixing[0, 0].cumsum(axis=1)[actions]
    moves = (rng.random(len(states))[:, None] > levels).sum(axis=1).clip(0, mdp.actions - 1)
    after = mdp.moves[states, moves]
    return fit_table(states, actions, after, ONE_HOT, mdp.actions)


def test_it_is_zero_on_linear_dynamics_without_noise() -> None:
    rng = np.random.default_rng(0)
    A, B, c = rng.normal(size=(4, 4)), rng.normal(size=(2, 4)), rng.normal(size=4)
    states, actions = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    model = fit_linear(states, actions, states @ A + actions @ B + c)
    states, actions = rng.normal(size=(1000, 4)), rng.normal(size=(1000, 2))
    after = states @ A + actions @ B + c
    # Residual: 2e-28.
    assert model.errors(states, actions, after).max() < 1e-24
    noise = rng.normal(0.0, 0.1, after.shape)
    assert model.errors(states, actions, after + noise).mean() == pytest.approx(0.04, rel=0.1)


def test_the_floor_is_the_least_error() -> None:
    mdp, rng = small.dynamics(3, tasks=2), np.random.default_rng(0)
    features = rng.normal(size=(small.STATES, 2))
    mean = mdp.tensor @ features
    apart = ((features - mean[..., None, :]) ** 2).sum(axis=4)
    floor = error_floor(mdp, features)
    # Residual: 1e-15.
    np.testing.assert_allclose(floor, (mdp.tensor * apart).sum(axis=3), rtol=0, atol=1e-13)
    np.testing.assert_allclose(expected_error(mdp, features, mean), floor, rtol=0, atol=1e-13)
    for _ in range(50):
        other = mean + rng.normal(0.0, 0.1, mean.shape)
        assert (expected_error(mdp, features, other) > floor).all()


def test_slips_leave_an_error_that_no_data_removes() -> None:
    slips = np.array([0.0, 0.1, 0.3])
    floor = error_floor(FAMILY.mdp(slips), ONE_HOT)
    open_cells = [len(set(row)) == 5 for row in FAMILY.moves.tolist()]
    other = slips / 5.0
    closed = 1.0 - (1.0 - 4.0 * other) ** 2 - 4.0 * other**2
    expected = np.broadcast_to(closed[:, None, None], floor[:, open_cells].shape)
    np.testing.assert_allclose(floor[:, open_cells], expected, rtol=0, atol=1e-14)
    # A move into a corner is less random: several moves stay there.
    assert (floor[2].min(axis=1)[FAMILY.free] <= closed[2] + 1e-14).all()


def test_the_error_of_a_fitted_table_tends_to_the_floor() -> None:
    slip = 0.3
    mdp = FAMILY.mdp(np.array([slip]))
    floor = error_floor(mdp, ONE_HOT)[0, FAMILY.free]
    for samples in (1, 10, 100, 1000):
        error = expected_error(mdp, ONE_HOT, fitted(slip, samples))[0, FAMILY.free]
        assert (error >= floor - 1e-14).all()
        # The mean of n samples misses the true mean by 1/n of the variance on average.
        assert (error - floor).mean() == pytest.approx(floor.mean() / samples, rel=0.2)
    still = FAMILY.mdp(np.array([0.0]))
    assert np.abs(expected_error(still, ONE_HOT, fitted(0.0, 1))).max() < 1e-15


def test_what_was_never_seen_is_predicted_as_zero() -> None:
    none = np.zeros(0, np.int64)
    assert not fit_table(none, none, none, np.eye(3), 2).any()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"states \(N, D\), actions \(N, K\)"):
        fit_linear(np.zeros((3, 2)), np.zeros((2, 1)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="must be finite"):
        fit_linear(np.full((3, 2), np.nan), np.zeros((3, 1)), np.zeros((3, 2)))
    zero = np.zeros(2, np.int64)
    with pytest.raises(InputError, match="next states must be integers from 0 to 2"):
        fit_table(zero, zero, zero + 3, np.eye(3), 2)
    with pytest.raises(InputError, match=r"one shape \(N,\)"):
        fit_table(zero, zero[:1], zero, np.eye(3), 2)
    with pytest.raises(InputError, match=r"features must have shape \(3, D\)"):
        error_floor(small.dynamics(), np.eye(4))
    with pytest.raises(InputError, match="predictions must have shape"):
        expected_error(small.dynamics(), np.eye(3), np.zeros((3, 3)))
