"""Off-policy gradients, as expectations over all 216 trajectories of three states."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.errors import InputError
from smile_bench.exploration.policy_gradient import (
    best_proposal,
    densities,
    fusion,
    gradients,
    importance_weights,
)
from smile_bench.exploration.softmax import return_gradient, softmax
from tests.helpers import small_mdp as small


def case(seed: int) -> tuple[FloatArray, FloatArray, IntArray, IntArray, FloatArray, FloatArray]:
    """Logits, a demonstrator, all trajectories, their dynamics' chances and rewards."""
    rng = np.random.default_rng(seed)
    logits, demonstrator = rng.normal(size=(2, small.STATES, small.ACTIONS))
    states, actions = small.trajectories()
    assert len(states) == 216
    physics = small.dynamics_chances(small.dynamics(seed), small.start(), states, actions)
    rewards = small.rewards(seed)[0][states, actions]
    return logits, softmax(2.0 * demonstrator), states, actions, physics, rewards


def exact(seed: int, logits: FloatArray) -> FloatArray:
    return return_gradient(
        small.dynamics(seed), small.rewards(seed), logits, small.start(), small.HORIZON
    )


@pytest.mark.parametrize("seed", range(5))
def test_it_is_unbiased_under_the_fusion_distribution(seed: int) -> None:
    logits, demonstrator, states, actions, physics, rewards = case(seed)
    own, theirs = softmax(logits), demonstrator
    sources = {
        "own": densities(own, states, actions),
        "demonstrations": densities(theirs, states, actions),
        # Each trajectory from one of the two, or each action from one of the two.
        "fusion": fusion(np.stack([densities(p, states, actions) for p in (own, theirs)])),
        "fused policy": densities((own + theirs) / 2.0, states, actions),
    }
    for q in sources.values():
        assert (physics * q[:, -1]).sum() == pytest.approx(1.0, abs=1e-14)
        each = gradients(logits, states, actions, rewards, q)
        mean = np.einsum("n,nsa->sa", physics * q[:, -1], each)
        # Residual: 4e-16.
        np.testing.assert_allclose(mean, exact(seed, logits), rtol=0, atol=1e-12)


def test_the_product_up_to_the_action_is_biased_unless_q_is_the_policy() -> None:
    logits, demonstrator, states, actions, physics, rewards = case(3)
    bias = {}
    for name, policy in (("own", softmax(logits)), ("demonstrations", demonstrator)):
        q = densities(policy, states, actions)
        each = gradients(logits, states, actions, rewards, q, future="as sampled")
        mean = np.einsum("n,nsa->sa", physics * q[:, -1], each)
        bias[name] = np.abs(mean - exact(3, logits)).max()
    assert bias["own"] < 1e-12
    # The bias is 0.94, where the largest entry of the gradient is 0.69.
    assert bias["demonstrations"] > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_the_best_proposal_has_no_variance(seed: int) -> None:
    logits, demonstrator, states, actions, physics, rewards = case(seed)
    p = physics * densities(softmax(logits), states, actions)[:, -1]
    # Returns of one sign: the shift adds a constant to the mean.
    f = rewards.sum(axis=1) - rewards.sum(axis=1).min() + 0.1
    mean = float(p @ f)

    def variance(q: FloatArray) -> float:
        there = q > 0.0
        estimate = p[there] / q[there] * f[there]
        assert q[there] @ estimate == pytest.approx(mean, abs=1e-12)
        return float(q[there] @ (estimate - mean) ** 2)

    best = best_proposal(p, f)
    # Residual: 4e-30.
    assert variance(best) < 1e-24
    assert variance(p) > 0.01
    assert variance(physics * densities(demonstrator, states, actions)[:, -1]) > 0.01


def test_a_density_of_zero_where_a_demonstration_went_is_refused() -> None:
    logits, _, states, actions, _, rewards = case(0)
    never = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    q = densities(never, states, actions)
    n, t = np.argwhere(q == 0.0)[0].tolist()
    with pytest.raises(InputError, match=f"zero at step {t} of trajectory {n}.* smooth"):
        gradients(logits, states, actions, rewards, q)
    fused = fusion(np.stack((q, densities(softmax(logits), states, actions))))
    assert np.isfinite(gradients(logits, states, actions, rewards, fused)).all()
    # The weight of a fusion of two is at most two.
    assert importance_weights(densities(softmax(logits), states, actions), fused).max() <= 2.0


def test_bad_input_is_refused() -> None:
    logits, policy, states, actions, _, rewards = case(0)
    with pytest.raises(InputError, match=r"one shape \(N, T\)"):
        densities(policy, states, actions[:, 1:])
    q = densities(policy, states, actions)
    with pytest.raises(InputError, match=r"rewards must have shape \(216, 3\)"):
        gradients(logits, states, actions, rewards[:, 1:], q)
    with pytest.raises(InputError, match="needs no samples"):
        best_proposal(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
