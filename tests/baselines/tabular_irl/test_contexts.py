"""Decoded contexts: counts, slips, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.baselines.tabular_irl.contexts import (
    PlannedPolicy,
    estimate_slips,
    read_contexts,
    require_grid,
)
from smile_bench.envs.grid.planning import soft_values, visitation
from smile_bench.errors import AgentError, UnknownNameError

ID = "SmileGridGoal-v0"
FAMILY = require_grid(ID)


def test_demonstrations_are_of_the_soft_optimal_policy() -> None:
    test = load_dataset(ID).test
    contexts = [test.context(task, list(range(16))) for task in range(test.tasks)]
    decoded = read_contexts(contexts, FAMILY)
    mdp, rewards = (
        FAMILY.mdp(FAMILY.table("test")[:, 0]),
        FAMILY.rewards(FAMILY.table("test")[:, 1:]),
    )
    policy = soft_values(mdp, rewards, FAMILY.horizon).policy
    exact = visitation(mdp, policy, decoded.start).sum(axis=(1, 3))
    # 24 × 16 episodes: the mean difference a task and kind of cell is sampling error.
    difference = decoded.counts - exact @ FAMILY.features
    assert np.abs(difference.mean(axis=0)).max() < 0.25
    # And the estimated slips are near the true ones.
    assert np.abs(decoded.slips - FAMILY.table("test")[:, 0]).mean() < 0.03


def test_padding_changes_nothing() -> None:
    part = load_dataset(ID).test
    shown = [part.context(0, [3]), part.context(1, [0, 5, 7])]
    together = read_contexts(shown, FAMILY)
    assert together.shots.tolist() == [1, 3]
    assert together.present.tolist() == [[True, False, False], [True, True, True]]
    for slot, context in enumerate(shown):
        alone = read_contexts([context], FAMILY)
        for name in ("slips", "start", "visits", "counts"):
            np.testing.assert_allclose(
                getattr(together, name)[slot], getattr(alone, name)[0], atol=1e-12
            )
    np.testing.assert_allclose(together.visits.sum(axis=1), FAMILY.horizon)
    np.testing.assert_allclose(together.start.sum(axis=1), 1.0)


def test_the_slip_estimate_is_the_posterior_mean() -> None:
    # In one step, three moves end where the chosen one does not; the rest is as chosen.
    cell = int(FAMILY.free[0])
    steps = np.full((1, 1, 20), cell)
    moves = np.zeros((1, 1, 20), np.int64)
    following = FAMILY.moves[steps, moves]
    there = next(int(c) for c in FAMILY.moves[cell] if c != cell)
    following[0, 0, :3] = there
    present = np.ones((1, 1), np.bool_)
    slips = np.linspace(0.0, 0.5, 51)
    toward = (FAMILY.moves[cell] == there).mean()
    stay = (FAMILY.moves[cell] == cell).mean()
    posterior = (slips * toward) ** 3 * (1.0 - slips + slips * stay) ** 17
    expected = (posterior * slips).sum() / posterior.sum()
    found = estimate_slips(FAMILY, steps, moves, following, present)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def context() -> Any:
    return load_dataset(ID).train.context(0, [0, 1])


def broken(which: str) -> Any:
    made = context()
    arrays = {
        name: getattr(made, name).copy()
        for name in ("observations", "actions", "next_observations")
    }
    if which == "teleport":  # From one corner of the map to the other, twice consistently.
        arrays["next_observations"][1, 3, :64] = np.eye(64)[0]
        arrays["observations"][1, 4, :64] = np.eye(64)[0]
        arrays["observations"][1, 3, :64] = np.eye(64)[63]
        arrays["next_observations"][1, 2, :64] = np.eye(64)[63]
        arrays["observations"][1, 2, :64] = np.eye(64)[63]
        arrays["next_observations"][1, 1, :64] = np.eye(64)[63]
        arrays["observations"][1, 1, :64] = np.eye(64)[63]
        arrays["next_observations"][1, 0, :64] = np.eye(64)[63]
        arrays["observations"][1, 0, :64] = np.eye(64)[63]
    elif which == "gap":
        arrays["observations"] = arrays["observations"][:, ::-1].copy()
    elif which == "wall":
        arrays["observations"][0, 0, :64] = np.eye(64)[18]
    elif which == "blurred":
        arrays["observations"][0, 0, :64] = 1 / 64
    return replace(made, **arrays)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("teleport", "demonstration 1, step 3: no move leads from cell 63 to cell 0"),
        ("gap", "does not begin where the one before it ended"),
        ("wall", "one cell that is not a wall"),
        ("blurred", "one cell that is not a wall"),
    ],
)
def test_contexts_that_contradict_the_dynamics_are_refused(which: str, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        read_contexts([context(), broken(which)], FAMILY)


def test_contexts_without_actions_are_refused() -> None:
    with pytest.raises(AgentError, match=r"needs the demonstrations' actions, .* Give contexts"):
        read_contexts([context().state_only()], FAMILY)


def test_other_families_are_refused() -> None:
    with pytest.raises(AgentError, match="has no transition tensor"):
        require_grid("SmileAntGoal-v0")
    with pytest.raises(UnknownNameError, match="Did you mean"):
        require_grid("SmileGridGoal-v1")


def test_a_planned_policy_takes_the_likeliest_move_or_samples() -> None:
    rng = np.random.default_rng(0)
    policies = rng.dirichlet(np.ones(5), (2, FAMILY.horizon, FAMILY.cells))
    seen = load_dataset(ID).train.observations[0, 0, 4]
    observations = np.stack((seen, seen)).astype(np.float64)
    (cell, _), (time, _) = FAMILY.decode(observations)
    chances = policies[:, time, cell]
    best = PlannedPolicy(FAMILY, policies).act(observations)
    np.testing.assert_array_equal(best, np.eye(5)[chances.argmax(axis=1)])
    sampling = PlannedPolicy(FAMILY, policies, np.random.default_rng(1))
    rates = np.mean([sampling.act(observations) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(rates, chances, atol=0.04)
