"""Inverse RL where everything can be computed: gradients, optima, margins and weights."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import pytest

from smile_bench.baselines.tabular_irl.max_margin import match_features, nearest_mixture, solve_qp
from smile_bench.baselines.tabular_irl.maxent import log_likelihood, maxent_weights
from smile_bench.baselines.tabular_irl.sampled import (
    density_gradient,
    density_logits,
    importance_shares,
)
from smile_bench.baselines.tabular_irl.smile_training import discriminator_step
from smile_bench.baselines.tabular_irl.trajectories import improve, log_chances, log_weights, sample
from smile_bench.envs.grid.planning import hard_values, messages, soft_values, visitation
from smile_bench.errors import AgentError, ConvergenceWarning
from tests.helpers import small_mdp as small

T = small.HORIZON
FEATURES = np.random.default_rng(9).normal(size=(small.STATES, small.ACTIONS, 4))
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


def matched(seed: int) -> tuple[Any, ...]:
    mdp, start = small.dynamics(seed), small.start()
    features = np.random.default_rng(seed).normal(size=(small.STATES, 2))
    policy = soft_values(mdp, small.rewards(seed), T).policy
    target = visitation(mdp, policy, start)[0].sum(axis=(0, 2)) @ features
    return mdp, start, features, target


@pytest.mark.parametrize("seed", range(6))
def test_feature_matching_bounds_the_value_gap(seed: int) -> None:
    mdp, start, features, target = matched(seed)
    found = match_features(mdp, features, target, start, T, tolerance=1e-4)
    reached = found.visits.sum(axis=(0, 2)) @ features
    assert np.abs(target - reached).max() < 1e-3
    rng = np.random.default_rng(seed)
    mass = found.visits.sum(axis=2, keepdims=True)
    policy = np.where(mass > 1e-12, found.visits / np.maximum(mass, 1e-12), 0.5)
    for weights in rng.normal(size=(20, 2)):
        rewards = np.repeat((features @ weights)[None, :, None], 2, axis=2)
        # The value of the mixture, from playing its Markov policy, not from its features.
        gap = abs(target @ weights - small.value(mdp, rewards, policy, start))
        assert gap <= np.abs(weights).sum() * np.abs(target - reached).max() + 1e-8


@pytest.mark.parametrize("seed", range(6))
def test_margins_never_grow_and_the_optimality_conditions_hold(seed: int) -> None:
    mdp, start, features, target = matched(seed)
    target = target + 0.5  # Beyond what any policy reaches: a margin stays.
    found = match_features(mdp, features, target, start, T, tolerance=1e-6)
    assert (np.diff(found.margins) <= 1e-7).all()
    # KKT of the nearest point of a hull: no policy found is on the near side of its plane, and
    # those with weight lie in it.
    slack = found.expectations @ found.weights - (target - found.weights) @ found.weights
    assert slack.max() < 1e-6
    assert np.abs(found.mixture * slack).max() < 1e-6
    assert found.mixture.min() >= 0.0
    assert found.mixture.sum() == pytest.approx(1.0)
    # And of the whole problem, over every deterministic policy there is.
    every = np.array(
        [
            visitation(mdp, policy[None], start)[0].sum(axis=(0, 2)) @ features
            for policy in small.deterministic_policies()
        ]
    )
    best = (target @ found.weights - every @ found.weights).min() / np.linalg.norm(found.weights)
    assert best == pytest.approx(found.margins[-1], abs=1e-4)


def test_an_unfinished_match_is_a_warning_with_the_margin() -> None:
    mdp, start, features, target = matched(1)
    with pytest.warns(ConvergenceWarning, match=r"after 1 policies with a margin of"):
        match_features(mdp, features, target, start, T, tolerance=1e-9, iterations=1)


def listed(*, deterministic: bool) -> tuple[Any, ...]:
    """A policy, the trajectories it can make, their chances, features and returns."""
    mdp, start = small.dynamics(7, deterministic=deterministic), np.array([[0.0, 1.0, 0.0]])
    weights = np.random.default_rng(7).normal(size=4)
    rewards = (FEATURES @ weights)[None]
    states, actions = small.trajectories()
    physics = small.dynamics_chances(mdp, start, states, actions)
    possible = physics > 0.0
    states, actions, physics = states[possible], actions[possible], physics[possible]
    features = FEATURES[states, actions].sum(axis=1)
    return mdp, start, rewards, states, actions, physics, features, features @ weights


def test_importance_sampled_partition_is_unbiased() -> None:
    mdp, start, rewards, states, actions, physics, _, returns = listed(deterministic=False)
    policy = np.random.default_rng(1).dirichlet(10 * np.ones(2), (1, T, 3))
    logs = log_chances(policy, states[None], actions[None])[0]
    exact = float(np.exp(messages(mdp, rewards, start, T).log_partition[0]))
    weights = np.exp(log_weights(returns, logs))
    # The expectation of the estimate, with no sampling error.
    assert (physics * np.exp(logs) * weights).sum() == pytest.approx(exact, rel=1e-12)
    # And the sampler draws from those very chances.
    drawn = sample(mdp, policy, np.array([[1]]), 40_000, np.random.default_rng(0))
    sums = rewards[0][drawn.states, drawn.actions].sum(axis=-1)
    estimates = np.exp(log_weights(sums, drawn.log_chances))
    error = estimates.std() / np.sqrt(estimates.size)
    assert abs(estimates.mean() - exact) < 4 * error
    assert error < 0.02 * exact


def test_the_optimal_proposal_has_no_variance() -> None:
    mdp, start, rewards, *_ = listed(deterministic=True)
    optimal = soft_values(mdp, rewards, T).policy
    drawn = sample(mdp, optimal, np.array([[1]]), 500, np.random.default_rng(0))
    returns = rewards[0][drawn.states, drawn.actions].sum(axis=-1)
    logs = log_weights(returns, drawn.log_chances)
    assert logs.std() < 1e-12
    assert logs.mean() == pytest.approx(messages(mdp, rewards, start, T).log_partition[0])
    assert np.ptp(importance_shares(logs)) < 1e-12


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


def test_improving_a_policy_ends_at_the_soft_optimal_one() -> None:
    mdp, rewards = small.dynamics(8), small.rewards(8)
    policy = np.full((1, T, 3, 2), 0.5)
    gaps = []
    for _ in range(60):
        policy = improve(mdp, policy, rewards, 0.3)
        gaps.append(np.abs(policy - soft_values(mdp, rewards, T).policy).max())
    assert all(after <= before + 1e-12 for before, after in itertools.pairwise(gaps))
    assert gaps[-1] < 1e-8


def test_tabular_smile_with_one_hot_contexts_agrees_with_maxent_of_each_task() -> None:
    tasks = 3
    mdp, start = small.dynamics(10, tasks=tasks), small.start(tasks=tasks)
    truth = np.random.default_rng(3).normal(size=(tasks, small.STATES, 1))
    shown = visitation(mdp, soft_values(mdp, truth, T).policy, start).sum(axis=(1, 3))
    embeddings, reward_of_embedding = np.eye(tasks), np.zeros((tasks, small.STATES))
    for _ in range(3000):
        rewards = (embeddings @ reward_of_embedding)[..., None]
        gradient, made = discriminator_step(mdp, rewards, shown, start, T)
        reward_of_embedding += embeddings.T @ gradient
    features = np.eye(small.STATES)[:, None]
    alone = maxent_weights(mdp, features, shown, start, T, causal=True, tolerance=1e-8).points
    # A constant added to every state changes nothing; both started from zero and stay centred.
    np.testing.assert_allclose(embeddings @ reward_of_embedding, alone, atol=1e-3)
    np.testing.assert_allclose(made, shown, atol=1e-4)
    centred = truth[..., 0] - truth[..., 0].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(alone, centred, atol=1e-3)
    assert hard_values(mdp, rewards, T).policy.shape == (tasks, T, 3, 2)


def test_without_clarabel_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clarabel", None)
    with pytest.raises(AgentError, match=r"smile-bench\[irl\]"):
        nearest_mixture(np.eye(2), np.ones(2))


def test_a_quadratic_programme_without_a_solution_is_an_error_with_the_residual() -> None:
    # x ≤ -1 and -x ≤ -1 at once.
    with pytest.raises(AgentError, match=r"Clarabel ended with .*, residual"):
        solve_qp(np.eye(1), np.zeros(1), np.array([[1.0], [-1.0]]), np.array([-1.0, -1.0]), 0)
