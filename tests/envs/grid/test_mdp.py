"""Dynamics as moves and as full tensors are the same, and bad ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs.grid.mdp import MDP, largest
from smile_bench.envs.grid.planning import messages, soft_values, visitation
from smile_bench.errors import InputError
from tests.envs.grid.grid_goal import FAMILY
from tests.helpers import small_mdp as small


def test_moves_and_full_tensor_are_the_same_dynamics() -> None:
    tasks = FAMILY.table("test")[:5]
    mdp, rewards = FAMILY.mdp(tasks[:, 0]), FAMILY.rewards(tasks[:, 1:])
    full, start = MDP.from_tensor(mdp.tensor), np.tile(FAMILY.start, (5, 1))
    for causal in (True, False):
        one = soft_values(mdp, rewards, 6, causal=causal)
        other = soft_values(full, rewards, 6, causal=causal)
        np.testing.assert_allclose(one.q, other.q, atol=1e-12)
    np.testing.assert_allclose(
        visitation(mdp, one.policy, start), visitation(full, one.policy, start), atol=1e-14
    )
    np.testing.assert_allclose(
        messages(mdp, rewards, start, 6).visitation,
        messages(full, rewards, start, 6).visitation,
        atol=1e-12,
    )


def tensor(*change: tuple[tuple[int, ...], float]) -> np.ndarray:
    values = small.dynamics(0).tensor.copy()
    for where, value in change:
        values[where] = value
    return values


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (tensor(((0, 1, 0), 0.0)), r"must sum to 1; those of \(task, state, action\) \(0, 1, 0\)"),
        (tensor(((0, 0, 0, 0), -0.5)), "finite and not negative"),
        (tensor(((0, 0, 0, 0), np.nan)), "finite and not negative|sum to 1"),
        (np.ones((3, 2, 3)), "has shape"),
    ],
)
def test_bad_dynamics(broken: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        MDP.from_tensor(broken)


@pytest.mark.parametrize("scale", [1.0, 2000.0])
def test_log_expected_is_the_logarithm_of_the_mean(scale: float) -> None:
    # With values of thousands some actions lose all their digits to the best move of others.
    mdp = FAMILY.mdp(np.array([0.0, 0.2]))
    values = scale * np.random.default_rng(0).normal(size=(2, FAMILY.cells))
    found = mdp.log_expected(values)
    with np.errstate(divide="ignore"):
        logs = np.log(mdp.tensor) + values[:, None, None]
    top = logs.max(axis=3)
    expected = top + np.log(np.exp(logs - top[..., None]).sum(axis=3))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_expected_and_push_are_products_with_the_tensor() -> None:
    rng = np.random.default_rng(1)
    mdp = FAMILY.mdp(np.array([0.1, 0.3]))
    values, flow = rng.normal(size=(2, FAMILY.cells)), rng.random((2, FAMILY.cells, 5))
    for same in (mdp, MDP.from_tensor(mdp.tensor)):
        expected = np.einsum("bsaz,bz->bsa", mdp.tensor, values)
        np.testing.assert_allclose(same.expected(values), expected, atol=1e-12)
        landed = np.einsum("bsa,bsaz->bz", flow, mdp.tensor)
        np.testing.assert_allclose(same.push(flow), landed, atol=1e-12)


def test_largest_is_the_maximum_over_the_last_axis() -> None:
    values = np.random.default_rng(2).normal(size=(3, 4, 5))
    kept = values.copy()
    np.testing.assert_array_equal(largest(values), values.max(axis=-1))
    np.testing.assert_array_equal(values, kept)


def test_starts_are_distributions() -> None:
    mdp = FAMILY.mdp(np.array([0.1]))
    given = FAMILY.start[None]
    np.testing.assert_array_equal(mdp.require_start(given), given)
    for wrong in (2.0 * given, given - 1.0, given[0]):
        with pytest.raises(InputError, match="start must"):
            mdp.require_start(wrong)
