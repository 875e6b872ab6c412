"""Marginal matching against the convex optimum over all visitations, found by Clarabel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.envs.grid.mdp import MDP
from smile_bench.envs.grid.planning import reachable
from smile_bench.errors import ConvergenceWarning, InputError
from smile_bench.exploration.quantities import divergence
from smile_bench.exploration.state_marginal import bonus, historical_averaging, match
from smile_bench.exploration.visitation import best_response, episode_visitation
from tests.helpers import small_mdp as small

HORIZON = 6


def uniform_target(mdp: MDP, start: FloatArray, horizon: int) -> FloatArray:
    there = reachable(mdp, start, horizon).astype(np.float64)
    return np.asarray(there / there.sum(axis=1, keepdims=True))


def corner() -> FloatArray:
    """Every episode starts in one corner of the grid."""
    return np.eye(FAMILY.cells)[:1]


def convex_optimum(mdp: MDP, target: FloatArray, start: FloatArray, horizon: int) -> float:
    """min D_KL(p_π ‖ p*) over the visitation polytope, as an exponential-cone programme."""
    clarabel = pytest.importorskip("clarabel")
    sparse = pytest.importorskip("scipy.sparse")
    states, actions = mdp.states, mdp.actions
    there = np.flatnonzero(target > 0.0)
    flows = horizon * states * actions
    size = flows + len(there)
    # Flows: Σ_a x_0(s, a) = start(s) and Σ_a x_{t+1}(s′, a) = Σ x_t(s, a) P(s′ | s, a).
    leave = np.kron(np.eye(states), np.ones(actions))
    arrive = mdp.tensor[0].reshape(states * actions, states).T
    blocks = [
        [leave if u == t else -arrive if u == t - 1 else None for u in range(horizon)]
        for t in range(horizon)
    ]
    conserved = sparse.hstack(
        (sparse.bmat(blocks), sparse.csc_matrix((horizon * states, len(there))))
    )
    # (u, p, p*) in the exponential cone: p exp(u / p) ≤ p*, so that u ≤ −p log(p / p*).
    marginal = sparse.hstack([sparse.csc_matrix(leave / horizon)] * horizon).tocsr()[there]
    rows: list[Any] = []
    for i in range(len(there)):
        u = sparse.csc_matrix(([1.0], ([0], [flows + i])), (1, size))
        p = sparse.hstack((marginal[i], sparse.csc_matrix((1, len(there)))))
        rows += [-u, -p, sparse.csc_matrix((1, size))]
    positive = -sparse.eye(flows, size)
    first = np.zeros(horizon * states)
    first[:states] = start[0]
    cone = np.zeros((len(there), 3))
    cone[:, 2] = target[there]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-8
    solution = clarabel.DefaultSolver(
        sparse.csc_matrix((size, size)),
        np.concatenate((np.zeros(flows), -np.ones(len(there)))),
        sparse.vstack((conserved, positive, *rows)).tocsc(),
        np.concatenate((first, np.zeros(flows), cone.ravel())),
        [
            clarabel.ZeroConeT(horizon * states),
            clarabel.NonnegativeConeT(flows),
            *[clarabel.ExponentialConeT() for _ in there],
        ],
        settings,
    ).solve()
    assert str(solution.status) == "Solved"
    return float(solution.obj_val)


@pytest.mark.parametrize("seed", range(4))
def test_three_states_reach_the_convex_optimum(seed: int) -> None:
    mdp, start = small.dynamics(seed), small.start()
    target = uniform_target(mdp, start, HORIZON) * np.array([[1.0, 2.0, 4.0]])
    target /= target.sum()
    found = match(mdp, target, start, HORIZON, tolerance=1e-8)
    assert found.gap <= 1e-8
    optimum = convex_optimum(mdp, target[0], start, HORIZON)
    # Residual: 5e-9, of Clarabel.
    assert found.divergence == pytest.approx(optimum, abs=1e-7)


@pytest.mark.parametrize(("slip", "horizon"), [(0.0, 20), (0.2, 8)])
def test_the_grid_reaches_the_convex_optimum(slip: float, horizon: int) -> None:
    mdp, start = FAMILY.mdp(np.array([slip])), corner()
    target = uniform_target(mdp, start, horizon)
    found = match(mdp, target, start, horizon)
    assert found.gap <= 1e-6
    optimum = convex_optimum(mdp, target[0], start, horizon)
    # Residual: 9e-8 above the optimum.
    assert -1e-7 <= found.divergence - optimum <= found.gap + 1e-7


def test_the_grid_with_slips_has_its_certificate() -> None:
    mdp, start = FAMILY.mdp(np.array([0.2])), corner()
    found = match(mdp, uniform_target(mdp, start, 20), start, 20)
    assert found.gap <= 1e-6


def test_the_mixture_goes_where_it_says() -> None:
    mdp, start = FAMILY.mdp(np.array([0.2])), corner()
    found = match(mdp, uniform_target(mdp, start, 20), start, 20, tolerance=1e-3)
    visits = [episode_visitation(mdp, policy[None], start)[0] for policy in found.policies]
    marginal = np.einsum("n,nsa->s", found.weights, np.stack(visits))
    np.testing.assert_allclose(found.marginal, marginal, atol=1e-13)
    assert found.weights.min() > 0.0
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-13)


def test_averaging_comes_near_and_its_gap_says_how_near() -> None:
    mdp, start = FAMILY.mdp(np.array([0.1, 0.2])), np.repeat(corner(), 2, axis=0)
    target = uniform_target(mdp, start, 20)
    found = historical_averaging(mdp, target, start, 20, 300)
    best = [match(FAMILY.mdp(np.array([s])), target[:1], corner(), 20) for s in (0.1, 0.2)]
    above = divergence(found.average, target) - np.array([m.divergence for m in best])
    assert (above[:-1] <= found.gaps + 1e-12).all()
    assert above.min() > -1e-6
    assert (above[300] < 0.02).all()
    assert (above[300] < 0.1 * above[0]).all()


def test_without_averaging_the_last_policy_does_not_converge() -> None:
    mdp, start = FAMILY.mdp(np.array([0.1])), corner()
    target = uniform_target(mdp, start, 20)
    optimum = match(mdp, target, start, 20).divergence
    found = historical_averaging(mdp, target, start, 20, 300, averaging=False)
    last = found.last[200:, 0]
    # Each policy runs from the states of the one before: two in a row share little.
    apart = 0.5 * np.abs(np.diff(last, axis=0)).sum(axis=1)
    assert apart.min() > 0.5
    assert divergence(last, target[0]).min() > optimum + 0.5
    # With averaging, the last policy does not converge either; its average does.
    averaged = historical_averaging(mdp, target, start, 20, 300)
    assert divergence(averaged.last[200:, 0], target[0]).min() > optimum + 0.5
    assert divergence(averaged.average[-1, 0], target[0]) < optimum + 0.02


def test_a_match_that_stops_early_has_the_certificate_of_what_it_returns() -> None:
    mdp, start = FAMILY.mdp(np.array([0.2])), corner()
    target = uniform_target(mdp, start, 20)
    best = match(mdp, target, start, 20).divergence
    for iterations in (0, 1, 10):
        with pytest.warns(ConvergenceWarning, match=f"after {iterations} best responses"):
            found = match(mdp, target, start, 20, iterations=iterations)
        reward = bonus(found.marginal / found.marginal.sum(), target[0])
        response = best_response(mdp, reward[None, :, None], start, 20)
        gap = response.values[0] - found.marginal @ reward
        assert found.gap == pytest.approx(gap, abs=1e-12)
        assert found.divergence - best <= found.gap
        assert len(found.policies) == iterations + 1


def test_a_matched_marginal_has_no_bonus_left() -> None:
    p = np.array([0.25, 0.75, 0.0])
    assert bonus(p, p).tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(InputError, match="positive in the same states"):
        bonus(p, np.array([0.5, 0.0, 0.5]))


def test_bad_input_is_refused() -> None:
    mdp, start = FAMILY.mdp(np.array([0.0])), corner()
    short = uniform_target(mdp, start, 3)
    with pytest.raises(InputError, match=r"state \d+ in task 0 is 0, but .* can be reached .* 20"):
        match(mdp, short, start, 20)
    with pytest.raises(InputError, match="cannot be reached within 2 steps"):
        match(mdp, short, start, 2)
    with pytest.raises(InputError, match="one task at a time, got dynamics of 2"):
        match(FAMILY.mdp(np.zeros(2)), short, start, 3)
    with pytest.raises(InputError, match=r"must have shape \(1, 64\)"):
        match(mdp, short[:, :5] / short[:, :5].sum(), start, 3)
    with pytest.raises(InputError, match="must not be negative, got -1"):
        match(mdp, short, start, 3, iterations=-1)
