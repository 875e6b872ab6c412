"""Information of small channels, against closed forms and enumeration."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.envs.families.grid_goal import FAMILY
from smile_bench.envs.grid.mdp import MDP
from smile_bench.errors import ConvergenceWarning, InputError
from smile_bench.exploration.quantities import (
    channel_capacity,
    divergence,
    empowerment,
    entropy,
    mutual_information,
)
from tests.helpers import small_mdp as small


def distributions(seed: int, *shape: int) -> FloatArray:
    p = np.random.default_rng(seed).random(shape)
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def test_entropy_and_divergence() -> None:
    p = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(entropy(p), [1.5 * np.log(2.0), 0.0, np.log(3.0)], atol=1e-15)
    np.testing.assert_allclose(divergence(p, p[2]), np.log(3.0) - entropy(p), atol=1e-15)
    assert divergence(p[0], p[1]) == np.inf


def test_mutual_information_is_the_entropy_that_knowing_the_other_removes() -> None:
    joint = distributions(0, 5, 12).reshape(5, 3, 4)
    joint[0, 1] = 0.0
    joint[0] /= joint[0].sum()
    given_x = joint / np.maximum(joint.sum(axis=2, keepdims=True), 1e-300)
    given_x[0, 1] = 0.25
    removed = entropy(joint.sum(axis=1)) - (joint.sum(axis=2) * entropy(given_x)).sum(axis=1)
    # Residual: 2e-16.
    np.testing.assert_allclose(mutual_information(joint), removed, atol=1e-14)
    apart = distributions(1, 3)[:, None] * distributions(2, 4)
    assert mutual_information(apart) == pytest.approx(0.0, abs=1e-15)


def test_capacity_of_channels_with_a_closed_form() -> None:
    flip, lost = 0.1, 0.3
    symmetric = np.array([[1 - flip, flip], [flip, 1 - flip]])
    assert channel_capacity(symmetric).nats == pytest.approx(
        np.log(2.0) - entropy(np.array([flip, 1 - flip])), abs=1e-14
    )
    erasure = np.array([[1 - lost, 0.0, lost], [0.0, 1 - lost, lost]])
    assert channel_capacity(erasure).nats == pytest.approx((1 - lost) * np.log(2.0), abs=1e-14)
    # The Z-channel needs uneven inputs.
    z = channel_capacity(np.array([[1.0, 0.0], [0.5, 0.5]]), tolerance=1e-12)
    assert z.nats == pytest.approx(np.log(1.25), abs=1e-12)
    assert z.inputs == pytest.approx([0.6, 0.4], abs=1e-5)


def test_no_input_distribution_has_more_than_the_certificate_allows() -> None:
    channels = distributions(3, 4, 5, 3)
    found = channel_capacity(channels, tolerance=1e-8)
    assert found.gap.max() <= 1e-8
    at_inputs = mutual_information(found.inputs[..., None] * channels)
    np.testing.assert_allclose(found.nats, at_inputs, atol=1e-14)
    for inputs in distributions(4, 1000, 5):
        assert (mutual_information(inputs[:, None] * channels) <= found.nats + found.gap).all()


@pytest.mark.parametrize("seed", range(3))
def test_empowerment_of_three_states_against_enumeration(seed: int) -> None:
    mdp = small.dynamics(seed, tasks=2)
    found = empowerment(mdp)
    first = np.linspace(0.0, 1.0, 20_001)
    inputs = np.stack((first, 1.0 - first), axis=1)
    for task, state in np.ndindex(2, small.STATES):
        listed = mutual_information(inputs[:, :, None] * mdp.tensor[task, state])
        # Residual: 1e-9, the resolution of the list.
        assert found.nats[task, state] == pytest.approx(listed.max(), abs=5e-9)
    assert found.gap.max() <= 1e-10


def test_empowerment_of_the_grid() -> None:
    slips = np.array([0.0, 0.1, 0.3, 1.0])
    found = empowerment(FAMILY.mdp(slips))
    assert found.nats.shape == (4, FAMILY.cells)
    ways = np.array([len(set(row)) for row in FAMILY.moves.tolist()])
    # Without slips, control is the logarithm of the number of cells one step away.
    np.testing.assert_allclose(found.nats[0], np.log(ways), atol=1e-10)
    # Where five moves lead to five cells, the channel is symmetric.
    other = slips / 5.0
    rows = np.stack((1.0 - 4.0 * other, other, other, other, other), axis=1)
    symmetric = np.log(5.0) - entropy(rows)
    np.testing.assert_allclose(
        found.nats[:, ways == 5], symmetric[:, None] * np.ones((ways == 5).sum()), atol=1e-10
    )
    np.testing.assert_allclose(found.nats[3], 0.0, atol=1e-12)
    assert (np.diff(found.nats[:, FAMILY.free], axis=0) < 0.0).all()


def test_moves_to_the_same_state_are_one_output() -> None:
    mdp = FAMILY.mdp(np.array([0.2]))
    whole = empowerment(MDP.from_tensor(mdp.tensor))
    np.testing.assert_allclose(empowerment(mdp).nats, whole.nats, atol=1e-9)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"must sum to 1 over the last axis, but misses it by 0.5"):
        entropy(np.array([0.5, 1.0]))
    with pytest.raises(InputError, match="finite and not negative"):
        entropy(np.array([-0.5, 1.5]))
    with pytest.raises(InputError, match="two axes or more"):
        mutual_information(np.array([0.5, 0.5]))
    with pytest.raises(InputError, match="two axes or more"):
        channel_capacity(np.array([0.5, 0.5]))
    with pytest.raises(InputError, match="tolerance must be positive"):
        channel_capacity(np.eye(2), tolerance=0.0)
    with pytest.warns(ConvergenceWarning, match="only after 2 iterations"):
        channel_capacity(np.array([[1.0, 0.0], [0.5, 0.5]]), iterations=2)
