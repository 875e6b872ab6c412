"""Every trajectory of a small MDP with its probability, features and return."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.helpers import small_mdp as small

FEATURES = np.random.default_rng(9).normal(size=(small.STATES, small.ACTIONS, 4))


def listed(*, deterministic: bool) -> tuple[Any, ...]:
    """Dynamics, start, rewards and, for every possible trajectory: states (n, T), actions (n, T),
    the probability of its dynamics (n,), features (n, K) and return (n,)."""
    mdp, start = small.dynamics(7, deterministic=deterministic), np.array([[0.0, 1.0, 0.0]])
    weights = np.random.default_rng(7).normal(size=4)
    rewards = (FEATURES @ weights)[None]
    states, actions = small.trajectories()
    physics = small.dynamics_chances(mdp, start, states, actions)
    possible = physics > 0.0
    states, actions, physics = states[possible], actions[possible], physics[possible]
    features = FEATURES[states, actions].sum(axis=1)
    return mdp, start, rewards, states, actions, physics, features, features @ weights
