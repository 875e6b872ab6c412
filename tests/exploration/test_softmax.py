"""The return of a softmax policy and its gradient, against trajectories and differences."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError
from smile_bench.exploration.softmax import expected_return, log_gradient, return_gradient, softmax
from tests.helpers import small_mdp as small


def logits(seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(small.STATES, small.ACTIONS))


@pytest.mark.parametrize("seed", range(3))
def test_the_return_is_the_mean_over_trajectories(seed: int) -> None:
    mdp, rewards, start = small.dynamics(seed), small.rewards(seed), small.start()
    states, actions = small.trajectories()
    chances = small.dynamics_chances(mdp, start, states, actions)
    chances = chances * softmax(logits(seed))[states, actions].prod(axis=1)
    listed = float(chances @ small.returns(rewards, states, actions))
    found = expected_return(mdp, rewards, logits(seed), start, small.HORIZON)
    # Residual: 2e-16.
    assert found == pytest.approx(listed, abs=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_gradients_against_central_differences(seed: int) -> None:
    mdp, rewards, start = small.dynamics(seed), small.rewards(seed), small.start()
    theta, counts, width = logits(seed), np.array([[3.0, 1.0], [0.0, 2.0], [0.0, 0.0]]), 1e-5
    gradient = return_gradient(mdp, rewards, theta, start, small.HORIZON)
    likely = log_gradient(theta, counts)
    for place in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[place] = width
        ends = [
            expected_return(mdp, rewards, theta + sign * step, start, small.HORIZON)
            for sign in (1.0, -1.0)
        ]
        # Residuals: 3e-11 and 7e-11.
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / (2 * width), abs=1e-8)
        ends = [float((counts * np.log(softmax(theta + s * step))).sum()) for s in (1.0, -1.0)]
        assert likely[place] == pytest.approx((ends[0] - ends[1]) / (2 * width), abs=1e-8)


def test_large_logits_do_not_overflow() -> None:
    assert softmax(np.array([1e4, 0.0])).tolist() == [1.0, 0.0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="must be finite"):
        softmax(np.array([np.inf, 0.0]))
    args = small.rewards(tasks=2), logits(0), small.start(tasks=2), 3
    with pytest.raises(InputError, match=r"one task and logits of shape \(3, 2\)"):
        expected_return(small.dynamics(tasks=2), *args)
