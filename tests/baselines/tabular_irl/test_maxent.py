"""MaxEnt IRL where everything can be computed: gradients, optima, the warning."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.baselines.tabular_irl.maxent import log_likelihood, maxent_weights
from smile_bench.envs.grid.planning import messages, soft_values, visitation
from smile_bench.errors import ConvergenceWarning
from tests.helpers import small_mdp as small
from tests.helpers.listed_trajectories import FEATURES

T = small.HORIZON
ONE_HOT = np.eye(small.STATES * small.ACTIONS).reshape(small.STATES, small.ACTIONS, -1)


@pytest.mark.parametrize("causal", [True, False])
def test_maxent_gradient_equals_finite_differences(causal: bool) -> None:
    mdp, start = small.dynamics(5, tasks=3), small.start(tasks=3)
    rng = np.random.default_rng(0)
    weights, counts = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))

    def value(at: np.ndarray) -> np.ndarray:
        return log_likelihood(mdp, FEATURES, counts, start, at, T, causal=causal)[0]

    _, gradient = log_likelihood(mdp, FEATURES, counts, start, weights, T, causal=causal)
    step = 1e-5
    for k in range(4):
        shift = step * np.eye(4)[k]
        difference = (value(weights + shift) - value(weights - shift)) / (2 * step)
        np.testing.assert_allclose(gradient[:, k], difference, atol=1e-8)


@pytest.mark.parametrize("causal", [True, False])
def test_at_the_optimum_visitation_equals_the_demonstrations(causal: bool) -> None:
    mdp, start = small.dynamics(6, tasks=4), small.start(tasks=4)
    truth = small.rewards(6, tasks=4)
    policy = soft_values(mdp, truth, T).policy
    shown = (
        visitation(mdp, policy, start)
        if causal
        else messages(mdp, truth, start, T, tilt_start=False).visitation
    )
    counts = shown.sum(axis=1).reshape(4, -1)
    found = maxent_weights(mdp, ONE_HOT, counts, start, T, causal=causal, tolerance=1e-8)
    rewards = found.points.reshape(truth.shape)
    if causal:
        again = visitation(mdp, soft_values(mdp, rewards, T).policy, start)
    else:
        again = messages(mdp, rewards, start, T, tilt_start=False).visitation
    # Required 1e-3. Step by step, though only the sums over steps were matched.
    assert np.abs(again - shown).max() < 1e-6
    assert found.residuals.max() < 1e-8


def test_an_optimum_that_is_not_reached_is_a_warning_with_the_residual() -> None:
    mdp, start = small.dynamics(6), small.start()
    # No policy is always in state 2, where no episode starts.
    counts = np.zeros((1, 6))
    counts[0, 5] = T
    with pytest.warns(ConvergenceWarning, match=r"did not converge .* largest residual \d"):
        maxent_weights(mdp, ONE_HOT, counts, start, T, iterations=20)
