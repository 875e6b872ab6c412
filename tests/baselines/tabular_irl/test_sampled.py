"""The density discriminator's value and gradient where every trajectory can be listed."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.baselines.tabular_irl.maxent import log_likelihood
from smile_bench.baselines.tabular_irl.sampled import density_gradient, density_logits
from smile_bench.baselines.tabular_irl.trajectories import log_chances
from smile_bench.envs.grid.planning import messages, soft_values
from tests.helpers import small_mdp as small
from tests.helpers.listed_trajectories import FEATURES, listed

T = small.HORIZON


def test_the_density_discriminator_is_a_half_and_its_gradient_is_maxents() -> None:
    mdp, start, rewards, states, actions, _, features, returns = listed(deterministic=True)
    solved, both = soft_values(mdp, rewards, T), messages(mdp, rewards, start, T)
    logs = log_chances(solved.policy, states[None], actions[None])[0]
    logits = density_logits(returns, both.log_partition[0], logs)
    np.testing.assert_allclose(1.0 / (1.0 + np.exp(-logits)), 0.5, atol=1e-12)
    expert = np.random.default_rng(2).dirichlet(np.ones(len(states)))
    gradient, by_partition = density_gradient(
        logits, features, expert, logits, features, np.exp(logs)
    )
    weights = np.linalg.lstsq(FEATURES.reshape(-1, 4), rewards.reshape(-1), rcond=None)[0]
    _, maxent = log_likelihood(mdp, FEATURES, (expert @ features)[None], start, weights[None], T)
    np.testing.assert_allclose(2.0 * gradient, maxent[0], atol=1e-10)
    assert by_partition == pytest.approx(0.0, abs=1e-12)
