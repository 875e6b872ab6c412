"""Skills of small processes: the bound, its alternation, and the capacity above both."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import InputError
from smile_bench.exploration.quantities import channel_capacity
from smile_bench.exploration.skills import (
    alternate,
    bound,
    information,
    posterior,
    skill_marginals,
)
from tests.helpers import small_mdp as small


def skills(mdp: MDP, number: int, horizon: int, seed: int) -> FloatArray:
    shape = (mdp.tasks, number, horizon, mdp.states)
    chosen = np.random.default_rng(seed).integers(mdp.actions, size=shape)
    return np.asarray(np.eye(mdp.actions)[chosen])


def even(number: int) -> FloatArray:
    return np.full(number, 1.0 / number)


@pytest.mark.parametrize("seed", range(5))
def test_with_the_exact_posterior_the_bound_is_the_information(seed: int) -> None:
    mdp, prior = small.dynamics(seed, tasks=3), np.array([0.2, 0.5, 0.3])
    policies = skills(mdp, 3, small.HORIZON, seed)
    marginals = skill_marginals(mdp, policies, small.start(tasks=3))
    exact = posterior(marginals, prior)
    reached = information(marginals, prior)
    # Residual: 1e-16.
    np.testing.assert_allclose(bound(marginals, prior, exact), reached, rtol=0, atol=1e-12)
    rng = np.random.default_rng(seed)
    for _ in range(100):
        other = exact * rng.uniform(0.5, 1.5, exact.shape) + 1e-3
        other /= other.sum(axis=1, keepdims=True)
        assert (bound(marginals, prior, other) <= reached + 1e-14).all()


@pytest.mark.parametrize("seed", range(5))
def test_alternation_never_lowers_it_and_the_capacity_bounds_it(seed: int) -> None:
    mdp, start = small.dynamics(seed), small.start()
    channel = skill_marginals(mdp, small.deterministic_policies()[None], start)[0]
    capacity = channel_capacity(channel, tolerance=1e-6)
    for number in (2, 3, 6):
        first = skills(mdp, number, small.HORIZON, seed)
        found = alternate(mdp, first, even(number), start, 20).information[:, 0]
        assert np.diff(found).min() >= -1e-14
        assert found[-1] > found[0]
        assert found[-1] <= capacity.nats + capacity.gap


@pytest.mark.parametrize("seed", range(3))
def test_the_policies_that_reach_the_capacity_are_skills_that_alternation_keeps(seed: int) -> None:
    mdp, start, policies = small.dynamics(seed), small.start(), small.deterministic_policies()
    channel = skill_marginals(mdp, policies[None], start)[0]
    capacity = channel_capacity(channel, tolerance=1e-6)
    kept = capacity.inputs > 0.0
    prior = capacity.inputs[kept] / capacity.inputs[kept].sum()
    found = alternate(mdp, policies[None, kept], prior, start, 3).information[:, 0]
    assert found[0] == pytest.approx(float(capacity.nats), abs=1e-9)
    assert found.max() <= capacity.nats + capacity.gap


def test_skills_of_the_grid_go_to_different_places() -> None:
    slips, number = np.array([0.0, 0.2]), 8
    mdp, start = FAMILY.mdp(slips), np.tile(np.eye(FAMILY.cells)[35], (2, 1))
    found = alternate(mdp, skills(mdp, number, 20, 0), even(number), start, 15)
    assert np.diff(found.information, axis=0).min() >= -1e-14
    # They share the first steps, and no number of skills has more than log K.
    assert (found.information[-1] > 0.8 * np.log(number)).all()
    assert (found.information[-1] <= np.log(number)).all()
    assert found.information[-1, 0] > found.information[-1, 1]
    for task in range(2):
        alone = FAMILY.mdp(slips[task : task + 1])
        first = skills(mdp, number, 20, 0)[task : task + 1]
        one = alternate(alone, first, even(number), start[:1], 15)
        np.testing.assert_allclose(one.information[:, 0], found.information[:, task], atol=1e-12)


def test_skills_that_are_all_the_same_stay_so() -> None:
    mdp = small.dynamics(0)
    same = np.repeat(skills(mdp, 1, small.HORIZON, 0), 3, axis=1)
    found = alternate(mdp, same, even(3), small.start(), 5)
    assert np.abs(found.information).max() < 1e-15


def test_bad_input_is_refused() -> None:
    mdp, start = small.dynamics(), small.start()
    with pytest.raises(InputError, match="policies of skills have shape"):
        skill_marginals(mdp, small.deterministic_policies(), start)
    marginals = skill_marginals(mdp, skills(mdp, 2, 3, 0), start)
    with pytest.raises(InputError, match="leave out skills that are never chosen"):
        posterior(marginals, np.array([1.0, 0.0]))
    with pytest.raises(InputError, match=r"marginals of 3 skills have shape \(..., 3, states\)"):
        information(marginals, even(3))
    with pytest.raises(InputError, match="the discriminator must sum to 1"):
        bound(marginals, even(2), np.ones((1, 2, 3)))
