"""Values of all goals against one goal at a time, and what relabelling learns of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError
from smile_bench.exploration.goals import (
    future_goals,
    goal_chances,
    goal_values,
    greedy_goal_values,
    relabelled_q_learning,
)
from tests.helpers import small_mdp as small

DISCOUNT = 0.9


def one_goal(tensor: FloatArray, goal: int, discount: float, sweeps: int) -> FloatArray:
    """Value iteration for one goal, (S,)."""
    v = np.zeros(len(tensor))
    v[goal] = 1.0
    for _ in range(sweeps):
        v = discount * (tensor @ v).max(axis=1)
        v[goal] = 1.0
    return v


def wandering(mdp: MDP, episodes: int, steps: int, seed: int) -> tuple[IntArray, IntArray]:
    """States (N, T + 1) and actions (N, T) of random actions from random free cells."""
    rng = np.random.default_rng(seed)
    states = np.empty((episodes, steps + 1), np.int64)
    actions = rng.integers(mdp.actions, size=(episodes, steps))
    states[:, 0] = rng.choice(FAMILY.free, episodes)
    levels = mdp.mixing[0, 0].cumsum(axis=1)
    for t in range(steps):
        move = (rng.random(episodes)[:, None] > levels[actions[:, t]]).sum(axis=1)
        states[:, t + 1] = mdp.moves[states[:, t], np.minimum(move, mdp.actions - 1)]
    return states, actions


def test_values_of_all_pairs_are_those_of_one_goal_at_a_time() -> None:
    slips = np.array([0.0, 0.3])
    mdp = FAMILY.mdp(slips)
    q, v = goal_values(mdp, DISCOUNT)
    chances = goal_chances(mdp, 12)
    for task, goal in itertools.product(range(2), range(FAMILY.cells)):
        tensor = mdp.tensor[task]
        # Residual: 1e-14.
        listed = one_goal(tensor, goal, DISCOUNT, 400)
        np.testing.assert_allclose(v[task, :, goal], listed, rtol=0, atol=1e-12)
        np.testing.assert_allclose(q[task, :, :, goal], DISCOUNT * tensor @ listed, atol=1e-12)
        for h in (0, 1, 12):
            listed = one_goal(tensor, goal, 1.0, h)
            np.testing.assert_allclose(chances[task, h, :, goal], listed, rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_no_policy_reaches_a_goal_sooner(seed: int) -> None:
    mdp = small.dynamics(seed)
    q, v = goal_values(mdp, DISCOUNT)
    for goal in range(small.STATES):
        others = [s for s in range(small.STATES) if s != goal]
        listed = []
        for policy in itertools.product(range(small.ACTIONS), repeat=small.STATES):
            steps = mdp.tensor[0][np.arange(small.STATES), policy]
            inner = np.eye(2) - DISCOUNT * steps[np.ix_(others, others)]
            listed.append(np.linalg.solve(inner, DISCOUNT * steps[others, goal]))
        np.testing.assert_allclose(v[0, others, goal], np.max(listed, axis=0), atol=1e-12)
    np.testing.assert_allclose(greedy_goal_values(mdp, q, DISCOUNT), v, atol=1e-12)


def test_without_slips_a_value_counts_the_steps() -> None:
    mdp = FAMILY.mdp(np.array([0.0]))
    _, v = goal_values(mdp, DISCOUNT)
    reached = goal_chances(mdp, 40)[0]
    steps = (reached == 0.0).sum(axis=0)
    free = np.ix_(FAMILY.free, FAMILY.free)
    np.testing.assert_allclose(v[0][free], DISCOUNT ** steps[free], atol=1e-12)


@pytest.mark.parametrize("slip", [0.0, 0.2])
def test_relabelling_reaches_the_values(slip: float) -> None:
    mdp = FAMILY.mdp(np.array([slip]))
    states, actions = wandering(mdp, 1000, 20, 0)
    best = goal_values(mdp, DISCOUNT)[1][0][np.ix_(FAMILY.free, FAMILY.free)]
    counts = (mdp.states, mdp.actions)
    future = future_goals(states, 4, np.random.default_rng(0))
    shares = {}
    for name, goals in (("all", FAMILY.free), ("future", future)):
        q = relabelled_q_learning(states, actions, goals, counts, DISCOUNT, passes=3)
        v = greedy_goal_values(mdp, q[None], DISCOUNT)[0][np.ix_(FAMILY.free, FAMILY.free)]
        assert (v <= best + 1e-12).all()
        shares[name] = float(v.sum() / best.sum())
    # Shares of V*: 1.000 without slips, 0.997 with.
    assert shares["all"] >= 0.95
    # Goals of its own future teach a walk only of the pairs that it connects: 0.66 and 0.64.
    assert 0.4 < shares["future"] < 0.9


def test_goals_in_hindsight_lie_in_the_future() -> None:
    states = np.arange(12).reshape(2, 6)
    goals = future_goals(states, 50, np.random.default_rng(0))
    assert goals.shape == (2, 5, 50)
    for n, t in itertools.product(range(2), range(5)):
        assert set(goals[n, t].tolist()) == set(states[n, t + 1 :].tolist())


def test_goals_of_ones_own_future_take_luck_for_skill() -> None:
    # Action 0 leads to the goal, state 1, half of the time, else to state 2, which keeps.
    tensor = np.tile(np.eye(3)[:, None], (1, 1, 1))
    tensor[0, 0] = [0.0, 0.5, 0.5]
    states = np.tile([[0, 1], [0, 2]], (100, 1))
    actions = np.zeros((200, 1), np.int64)
    own = future_goals(states, 1, np.random.default_rng(0))
    lucky = relabelled_q_learning(states, actions, own, (3, 1), DISCOUNT, rate_power=1.0)
    fair = relabelled_q_learning(states, actions, np.arange(3), (3, 1), DISCOUNT, rate_power=1.0)
    truth = goal_values(MDP.from_tensor(tensor[None]), DISCOUNT)[0][0, 0, 0, 1]
    assert fair[0, 0, 1] == pytest.approx(truth, abs=1e-12)
    assert lucky[0, 0, 1] == pytest.approx(2.0 * truth, abs=1e-12)


def test_bad_input_is_refused() -> None:
    mdp = small.dynamics()
    with pytest.raises(InputError, match="discount must be in"):
        goal_values(mdp, 1.0)
    with pytest.raises(InputError, match="must not be negative, got -1"):
        goal_chances(mdp, -1)
    with pytest.raises(InputError, match="must have shape"):
        greedy_goal_values(mdp, np.zeros((1, 3, 2)), 0.9)
    states, actions = np.zeros((2, 4), np.int64), np.zeros((2, 3), np.int64)
    with pytest.raises(InputError, match="goals must be integers from 0 to 2, got 0 to 3"):
        relabelled_q_learning(states, actions, np.arange(4), (3, 2), 0.9)
    with pytest.raises(InputError, match=r"states \(N, T \+ 1\)"):
        relabelled_q_learning(states[:, 1:], actions, np.arange(3), (3, 2), 0.9)
    with pytest.raises(InputError, match=r"in \(0.5, 1\], got 0.5"):
        relabelled_q_learning(states, actions, np.arange(3), (3, 2), 0.9, rate_power=0.5)
    with pytest.raises(InputError, match="a step or more"):
        future_goals(states[:, :1], 1, np.random.default_rng(0))
