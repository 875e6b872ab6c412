"""Visitations against sums over trajectories and steps; best responses against all policies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.envs.grid.planning import visitation
from smile_bench.errors import InputError
from smile_bench.exploration.visitation import (
    best_response,
    discounted_best_response,
    discounted_visitation,
    episode_visitation,
    uniform_policy,
)
from tests.helpers import small_mdp as small

DISCOUNT = 0.9


def policies(seed: int, *shape: int) -> FloatArray:
    p = np.random.default_rng(seed).random((*shape, small.STATES, small.ACTIONS))
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def test_episode_visitation_counts_the_steps_of_all_trajectories() -> None:
    mdp, start, policy = small.dynamics(1), small.start(), policies(1, 1, small.HORIZON)
    states, actions = small.trajectories()
    chances = small.dynamics_chances(mdp, start, states, actions)
    chances = chances * policy[0][np.arange(small.HORIZON), states, actions].prod(axis=1)
    listed = np.zeros((small.STATES, small.ACTIONS))
    for t in range(small.HORIZON):
        np.add.at(listed, (states[:, t], actions[:, t]), chances / small.HORIZON)
    # Residual: 1e-16.
    np.testing.assert_allclose(episode_visitation(mdp, policy, start)[0], listed, atol=1e-14)


def test_discounted_visitation_is_the_weighted_sum_over_steps() -> None:
    mdp, start, policy = small.dynamics(2, tasks=3), small.start(tasks=3), policies(2, 3)
    steps = 400
    repeated = np.repeat(policy[:, None], steps, axis=1)
    weights = (1.0 - DISCOUNT) * DISCOUNT ** np.arange(steps)
    summed = np.einsum("t,btsa->bsa", weights, visitation(mdp, repeated, start))
    found = discounted_visitation(mdp, policy, start, DISCOUNT)
    # Residual: 4e-16; what comes after 400 steps weighs 5e-19.
    np.testing.assert_allclose(found, summed, atol=1e-14)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1.0, atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_no_policy_answers_a_reward_better(seed: int) -> None:
    mdp, rewards, start = small.dynamics(seed), small.rewards(seed), small.start()
    values = [small.value(mdp, rewards, p, start) for p in small.deterministic_policies()]
    found = best_response(mdp, rewards, start, small.HORIZON)
    assert small.HORIZON * found.values[0] == pytest.approx(max(values), abs=1e-13)
    choices = itertools.product(range(small.ACTIONS), repeat=small.STATES)
    listed = np.eye(small.ACTIONS)[np.array(list(choices))]
    visits = [discounted_visitation(mdp, p[None], start, DISCOUNT) for p in listed]
    best = max(float((d * rewards).sum()) for d in visits)
    stationary = discounted_best_response(mdp, rewards, start, DISCOUNT)
    assert stationary.values[0] == pytest.approx(best, abs=1e-13)
    assert (stationary.visits * rewards).sum() == pytest.approx(best, abs=1e-13)


def test_many_tasks_at_once_are_the_tasks_one_by_one() -> None:
    slips, weights = np.array([0.0, 0.1, 0.3]), np.random.default_rng(0).normal(size=(3, 7))
    rewards, start = FAMILY.rewards(weights), np.tile(FAMILY.start, (3, 1))
    together = discounted_best_response(FAMILY.mdp(slips), rewards, start, DISCOUNT)
    episodes = best_response(FAMILY.mdp(slips), rewards, start, 20)
    for i in range(3):
        mdp, own = FAMILY.mdp(slips[i : i + 1]), rewards[i : i + 1]
        alone = discounted_best_response(mdp, own, start[:1], DISCOUNT)
        np.testing.assert_allclose(alone.values, together.values[i : i + 1], atol=1e-12)
        alone = best_response(mdp, own, start[:1], 20)
        np.testing.assert_allclose(alone.values, episodes.values[i : i + 1], atol=1e-12)


def test_a_uniform_policy_does_not_leave_a_uniform_start() -> None:
    # Moves can be undone and walls reflect, so that the uniform distribution stays as it is.
    mdp = FAMILY.mdp(np.array([0.1]))
    visits = episode_visitation(mdp, uniform_policy(mdp, 20), FAMILY.start[None])
    np.testing.assert_allclose(visits[0].sum(axis=1), FAMILY.start, atol=1e-15)


def test_bad_input_is_refused() -> None:
    mdp, start = small.dynamics(), small.start()
    with pytest.raises(InputError, match=r"discount must be in \[0, 1\), got 1.0"):
        discounted_visitation(mdp, policies(0, 1), start, 1.0)
    with pytest.raises(InputError, match="a stationary policy has shape"):
        discounted_visitation(mdp, policies(0, 2), start, 0.5)
