"""The hybrid objective: its gradient, and its two ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError
from smile_bench.exploration.hybrid import Hybrid, hybrid_gradient, hybrid_objective, maximise
from smile_bench.exploration.softmax import return_gradient
from tests.helpers import small_mdp as small

COUNTS = np.array([[3.0, 1.0], [1.0, 4.0], [2.0, 2.0]])


def case(seed: int, weight: float) -> Hybrid:
    mdp, rewards, start = small.dynamics(seed), small.rewards(seed), small.start()
    return Hybrid(mdp, rewards, start, small.HORIZON, COUNTS, weight)


def logits(seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(small.STATES, small.ACTIONS))


@pytest.mark.parametrize("weight", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_gradient_against_central_differences(seed: int, weight: float) -> None:
    hybrid, theta, width = case(seed, weight), logits(seed), 1e-5
    gradient = hybrid_gradient(hybrid, theta)
    for place in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[place] = width
        ends = hybrid_objective(hybrid, theta + step), hybrid_objective(hybrid, theta - step)
        # Residual: 4e-10.
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / (2 * width), abs=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_without_weight_it_is_reinforcement_learning(seed: int) -> None:
    hybrid = case(seed, 0.0)
    args = hybrid.mdp, hybrid.rewards, logits(seed), hybrid.start, hybrid.horizon
    assert np.array_equal(hybrid_gradient(hybrid, logits(seed)), return_gradient(*args))
    policy = maximise(hybrid, np.zeros((small.STATES, small.ACTIONS)), 2000)
    repeated = np.repeat(policy[None], small.HORIZON, axis=0)
    reached = small.value(hybrid.mdp, hybrid.rewards, repeated, hybrid.start)
    choices = itertools.product(range(small.ACTIONS), repeat=small.STATES)
    listed = [
        small.value(
            hybrid.mdp,
            hybrid.rewards,
            np.repeat(np.eye(small.ACTIONS)[list(choice)][None], small.HORIZON, axis=0),
            hybrid.start,
        )
        for choice in choices
    ]
    assert reached >= max(listed) - 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_with_ever_more_weight_it_becomes_cloning(seed: int) -> None:
    cloned = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    apart = [
        np.abs(maximise(case(seed, weight), logits(seed), 2000) - cloned).max()
        for weight in (1.0, 1e2, 1e4)
    ]
    # The distance is proportional to 1 / λ.
    assert apart[1] < 0.02
    assert apart[1] / apart[2] == pytest.approx(100.0, rel=0.1)
    assert apart[0] > apart[1]


def test_bad_input_is_refused() -> None:
    hybrid = case(0, 1.0)
    parts = hybrid.mdp, hybrid.rewards, hybrid.start, hybrid.horizon
    with pytest.raises(InputError, match=r"shape \(3, 2\) and not be negative"):
        Hybrid(*parts, COUNTS[:2], 1.0)
    with pytest.raises(InputError, match=r"finite and not negative, got -1\.0"):
        Hybrid(*parts, COUNTS, -1.0)
    with pytest.raises(InputError, match=r"logits of shape \(3, 2\)"):
        hybrid_gradient(hybrid, np.zeros((2, 2)))
