"""The exact tools against listing every trajectory and every policy."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs.grid.planning import (
    MDP,
    hard_values,
    message_visits,
    messages,
    reachable,
    require_reachable,
    soft_values,
    visitation,
)
from smile_bench.errors import InputError
from tests.helpers import small_mdp as small

SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_log_partition_is_the_sum_over_all_trajectories(seed: int) -> None:
    mdp, rewards, start = small.dynamics(seed), small.rewards(seed), small.start()
    states, actions = small.trajectories()
    weights = small.dynamics_chances(mdp, start, states, actions)
    weights = weights * np.exp(small.returns(rewards, states, actions))
    found = messages(mdp, rewards, start, small.HORIZON)
    assert found.log_partition[0] == pytest.approx(np.log(weights.sum()), abs=1e-12)
    for t in range(small.HORIZON):
        listed = np.zeros((small.STATES, small.ACTIONS))
        np.add.at(listed, (states[:, t], actions[:, t]), weights / weights.sum())
        np.testing.assert_allclose(found.visitation[0, t], listed, atol=1e-12)


@pytest.mark.parametrize("tilt", [True, False])
def test_messages_sum_to_the_partition_at_every_step(tilt: bool) -> None:
    mdp, rewards = small.dynamics(3, tasks=4), small.rewards(3, tasks=4)
    found = messages(mdp, rewards, small.start(tasks=4), small.HORIZON, tilt_start=tilt)
    mass = np.exp(found.log_alpha + found.log_beta_state).sum(axis=2)
    np.testing.assert_allclose(np.log(mass), found.log_partition[:, None] * np.ones(3), atol=1e-12)
    np.testing.assert_allclose(found.policy.sum(axis=3), 1.0, atol=1e-12)
    np.testing.assert_allclose(found.visitation.sum(axis=(2, 3)), 1.0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 400.0])
def test_scaled_messages_equal_those_in_logarithms(scale: float) -> None:
    # With rewards of hundreds β spans more than floats do: the fallback is taken.
    mdp, rewards = small.dynamics(3, tasks=4), scale * small.rewards(3, tasks=4)
    start = small.start(tasks=4)
    partition, visits = message_visits(mdp, rewards, start, small.HORIZON)
    both = messages(mdp, rewards, start, small.HORIZON, tilt_start=False)
    np.testing.assert_allclose(partition, both.log_partition, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(visits, both.visitation.sum(axis=1), atol=1e-9)


def test_given_starts_keep_their_distribution() -> None:
    mdp, rewards, start = small.dynamics(4), small.rewards(4), small.start()
    kept = messages(mdp, rewards, start, small.HORIZON, tilt_start=False)
    np.testing.assert_allclose(kept.visitation[0, 0].sum(axis=1), start[0], atol=1e-12)
    tilted = messages(mdp, rewards, start, small.HORIZON)
    assert np.abs(tilted.visitation[0, 0].sum(axis=1) - start[0]).max() > 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_value_iteration_is_the_best_of_all_policies(seed: int) -> None:
    mdp, rewards, start = small.dynamics(seed), small.rewards(seed), small.start()
    policies = small.deterministic_policies()
    best = max(small.value(mdp, rewards, policy, start) for policy in policies)
    solved = hard_values(mdp, rewards, small.HORIZON)
    assert (start * solved.v[:, 0]).sum() == pytest.approx(best, abs=1e-12)
    assert small.value(mdp, rewards, solved.policy[0], start) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_soft_values_are_return_plus_entropy_and_no_policy_has_more(seed: int) -> None:
    mdp, rewards, start = small.dynamics(seed), small.rewards(seed), small.start()
    solved = soft_values(mdp, rewards, small.HORIZON)

    def objective(policy: np.ndarray) -> float:
        visits = visitation(mdp, policy[None], start)[0]
        entropy = -(visits * np.log(policy)).sum()
        return float((visits.sum(axis=0) * rewards[0]).sum() + entropy)

    optimum = objective(solved.policy[0])
    assert optimum == pytest.approx((start * solved.v[:, 0]).sum(), abs=1e-12)
    rng = np.random.default_rng(seed)
    for scale in (0.01, 0.1, 1.0):
        other = solved.policy[0] * np.exp(rng.normal(0.0, scale, solved.policy[0].shape))
        assert objective(other / other.sum(axis=2, keepdims=True)) < optimum


def test_both_soft_values_agree_where_dynamics_are_deterministic() -> None:
    mdp, rewards = small.dynamics(2, deterministic=True), small.rewards(2)
    causal = soft_values(mdp, rewards, small.HORIZON)
    np.testing.assert_allclose(
        soft_values(mdp, rewards, small.HORIZON, causal=False).q, causal.q, atol=1e-12
    )
    random = small.dynamics(2)
    gap = soft_values(random, rewards, small.HORIZON, causal=False).v
    # Jensen: taking luck for skill can only promise more.
    assert (gap >= soft_values(random, rewards, small.HORIZON).v - 1e-12).all()


@pytest.mark.parametrize("causal", [True, False])
def test_large_rewards_do_not_overflow(causal: bool) -> None:
    mdp, rewards = small.dynamics(1, deterministic=True), 1e4 * small.rewards(1)
    solved = soft_values(mdp, rewards, small.HORIZON, causal=causal)
    hard = hard_values(mdp, rewards, small.HORIZON)
    np.testing.assert_allclose(solved.v, hard.v, atol=small.HORIZON * np.log(small.ACTIONS))


def test_unreachable_goals_are_named() -> None:
    stays = MDP.from_tensor(np.tile(np.eye(3)[:, None], (1, 1, 2, 1)).reshape(1, 3, 2, 3))
    start = np.array([[1.0, 0.0, 0.0]])
    assert reachable(stays, start, 10).tolist() == [[True, False, False]]
    require_reachable(stays, start, np.array([0]), 10)
    with pytest.raises(InputError, match=r"state 2 of task 0 cannot be reached .* 10 steps"):
        require_reachable(stays, start, np.array([2]), 10)


def test_bad_rewards_starts_and_horizons() -> None:
    mdp = small.dynamics()
    with pytest.raises(InputError, match="rewards must have shape"):
        soft_values(mdp, np.zeros((1, 4, 2)), 3)
    with pytest.raises(InputError, match="rewards must be finite"):
        hard_values(mdp, np.full((1, 3, 2), -np.inf), 3)
    with pytest.raises(InputError, match="horizon must be at least 1"):
        soft_values(mdp, small.rewards(), 0)
    with pytest.raises(InputError, match="must be a distribution"):
        messages(mdp, small.rewards(), np.ones((1, 3)), 3)
