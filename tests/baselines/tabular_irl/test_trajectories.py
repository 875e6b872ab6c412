"""Sampled trajectories against all trajectories, and the steps towards soft-optimal policies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from smile_bench.baselines.tabular_irl.sampled import importance_shares
from smile_bench.baselines.tabular_irl.trajectories import improve, log_chances, log_weights, sample
from smile_bench.envs.grid.planning import messages, soft_values
from tests.helpers import small_mdp as small
from tests.helpers.listed_trajectories import listed

T = small.HORIZON


def test_importance_sampled_partition_is_unbiased() -> None:
    mdp, start, rewards, states, actions, physics, _, returns = listed(deterministic=False)
    policy = np.random.default_rng(1).dirichlet(10 * np.ones(2), (1, T, 3))
    logs = log_chances(policy, states[None], actions[None])[0]
    exact = float(np.exp(messages(mdp, rewards, start, T).log_partition[0]))
    weights = np.exp(log_weights(returns, logs))
    # The expectation of the estimate, with no sampling error.
    assert (physics * np.exp(logs) * weights).sum() == pytest.approx(exact, rel=1e-12)
    # And the sampler follows these probabilities.
    samples = sample(mdp, policy, np.array([[1]]), 40_000, np.random.default_rng(0))
    sums = rewards[0][samples.states, samples.actions].sum(axis=-1)
    estimates = np.exp(log_weights(sums, samples.log_chances))
    error = estimates.std() / np.sqrt(estimates.size)
    assert abs(estimates.mean() - exact) < 4 * error
    assert error < 0.02 * exact


def test_the_optimal_proposal_has_no_variance() -> None:
    mdp, start, rewards, *_ = listed(deterministic=True)
    optimal = soft_values(mdp, rewards, T).policy
    samples = sample(mdp, optimal, np.array([[1]]), 500, np.random.default_rng(0))
    returns = rewards[0][samples.states, samples.actions].sum(axis=-1)
    logs = log_weights(returns, samples.log_chances)
    assert logs.std() < 1e-12
    assert logs.mean() == pytest.approx(messages(mdp, rewards, start, T).log_partition[0])
    assert np.ptp(importance_shares(logs)) < 1e-12


def test_improving_a_policy_ends_at_the_soft_optimal_one() -> None:
    mdp, rewards = small.dynamics(8), small.rewards(8)
    policy = np.full((1, T, 3, 2), 0.5)
    gaps = []
    for _ in range(60):
        policy = improve(mdp, policy, rewards, 0.3)
        gaps.append(np.abs(policy - soft_values(mdp, rewards, T).policy).max())
    assert all(after <= before + 1e-12 for before, after in itertools.pairwise(gaps))
    assert gaps[-1] < 1e-8
