"""Feature matching where every policy can be listed: margins and optimality conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.baselines.tabular_irl.contexts import read_contexts, require_grid
from smile_bench.baselines.tabular_irl.max_margin import (
    FeatureMatching,
    MaxMarginIRL,
    match_features,
)
from smile_bench.envs.grid.planning import hard_values, soft_values, visitation
from smile_bench.errors import ConvergenceWarning
from tests.helpers import small_mdp as small

T = small.HORIZON


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


def test_feature_matching_on_the_grid_visits_what_the_demonstrations_visit() -> None:
    family = require_grid("SmileGridGoal-v0")
    contexts = [load_dataset(family).test.context(task, list(range(8))) for task in (0, 1)]
    decoded = read_contexts(contexts, family)
    policy = FeatureMatching(family.id).adapt(contexts)
    visits = visitation(decoded.mdp, policy.policies, decoded.start).sum(axis=(1, 3))
    away = np.linalg.norm(visits @ family.features - decoded.counts, axis=1)
    untrained = np.full_like(policy.policies, 1.0 / family.action_size)
    aimless = visitation(decoded.mdp, untrained, decoded.start).sum(axis=(1, 3))
    assert (away < 0.2 * np.linalg.norm(aimless @ family.features - decoded.counts, axis=1)).all()


@pytest.mark.parametrize("cost", [0.0, 0.5, 5.0])
def test_max_margin_weights_are_a_saddle_of_the_programme(cost: float) -> None:
    """½‖ψ‖² + C ξ(ψ) is convex, ξ the largest violation: no nearby weights may be much better."""
    family = require_grid("SmileGridGoal-v0")
    contexts = [load_dataset(family).test.context(task, [0, 1]) for task in (0, 5)]
    decoded = read_contexts(contexts, family)
    losses = (decoded.visits == 0.0).astype(np.float64)

    def objective(weights: np.ndarray) -> np.ndarray:
        rewards = family.rewards(weights) + losses[..., None]
        best = hard_values(decoded.mdp, rewards, family.horizon).v[:, 0]
        violation = (decoded.start * best).sum(axis=1) - (weights * decoded.counts).sum(axis=1)
        value = 0.5 * np.square(weights).sum(axis=1) + cost * np.maximum(violation, 0.0)
        return np.asarray(value)

    agent = MaxMarginIRL(family.id, cost=cost, iterations=200, tolerance=1e-3)
    _, weights = agent.infer(contexts)
    found, rng = objective(weights), np.random.default_rng(0)
    for scale in (1e-2, 1e-1, 1.0):
        for _ in range(20):
            nearby = weights + scale * rng.normal(size=weights.shape)
            assert (objective(nearby) >= found - 1e-3 * cost - 1e-9).all()
    assert (cost == 0.0) == (np.abs(weights).max() < 1e-6)
