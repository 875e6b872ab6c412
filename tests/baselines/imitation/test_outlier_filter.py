"""The filter leaves out states that few demonstrations show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smile_bench.baselines.imitation.outlier_filter import OutlierFilter
from smile_bench.datasets import Context, load_dataset
from smile_bench.errors import InputError
from tests.helpers import synthetic

FAMILY = "SmileWalkerDynamics-v0"


def contexts(*, far: int = 0) -> Context:
    """5 tasks of 8 demonstrations, of whose 20 transitions the last ones are far away."""
    rng = np.random.default_rng(0)
    states = rng.standard_normal((5, 8, 20, 3)) @ rng.standard_normal((3, 3))
    # All at one place: they pull the mean towards them and make the spread look large.
    states[:, :, 20 - far :] = 6.0 + 0.01 * rng.standard_normal((5, 8, far, 3))
    observations = states.astype(np.float32)
    actions = observations[..., :2] + 1.0
    return Context(FAMILY, observations, actions, observations + 2.0)


@pytest.mark.parametrize("far", [1, 2])
def test_what_is_far_from_the_rest_is_found_among_much_of_it(far: int) -> None:
    sampled = contexts(far=far)
    outlier_filter = OutlierFilter.of(sampled.observations, far / 20)
    kept = outlier_filter.kept(sampled.observations)
    assert kept[..., : 20 - far].all()
    assert not kept[..., 20 - far :].any()


def test_distances_do_not_depend_on_the_units_of_coordinates() -> None:
    states = contexts(far=2).observations
    other = states * np.array((1e3, 1e-2, 1.0), np.float32) + 5.0
    one, two = OutlierFilter.of(states, 0.1), OutlierFilter.of(other.astype(np.float32), 0.1)
    np.testing.assert_allclose(one.distances(states), two.distances(other), rtol=1e-2)
    assert np.array_equal(one.kept(states), two.kept(other))


def test_what_is_left_out_is_replaced_by_the_rest_of_the_demonstration() -> None:
    sampled = contexts(far=3)
    filtered = OutlierFilter.of(sampled.observations, 0.15)(sampled)
    for before, after in zip(
        (sampled.observations, sampled.actions, sampled.next_observations),
        (filtered.observations, filtered.actions, filtered.next_observations),
        strict=True,
    ):
        assert before is not None
        assert after is not None
        np.testing.assert_array_equal(after[:, :, :17], before[:, :, :17])
        np.testing.assert_array_equal(after[:, :, 17:], before[:, :, :3])
    assert filtered.actions is not None
    hidden = OutlierFilter.of(sampled.observations, 0.15)(sampled.state_only())
    assert hidden.actions is None
    np.testing.assert_array_equal(hidden.observations, filtered.observations)


def test_stand_ins_come_in_turn() -> None:
    sampled = contexts()
    outlier_filter = OutlierFilter(np.zeros(3), np.eye(3), 1.0)
    states = np.full((1, 7, 3), 9.0, np.float32)
    states[0, 1], states[0, 4] = 0.1, 0.2
    filtered = outlier_filter(
        replace(sampled, observations=states, actions=None, next_observations=states)
    )
    assert filtered.observations[0, :, 0].tolist() == pytest.approx(
        [0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1]
    )


def test_a_demonstration_that_would_lose_everything_stays_whole() -> None:
    sampled = contexts(far=1)
    outlier_filter = OutlierFilter.of(sampled.observations, 0.05)
    away = replace(sampled, observations=sampled.observations + 50.0)
    assert outlier_filter.kept(away.observations).all()
    np.testing.assert_array_equal(outlier_filter(away).observations, away.observations)


@pytest.mark.slow
def test_on_the_walker_it_leaves_out_where_experts_lie() -> None:
    demonstrations = load_dataset(FAMILY)
    train = demonstrations.train.observations
    outlier_filter = OutlierFilter.of(train, 0.08)
    for states in (train, demonstrations.validation.observations):
        lying = states[..., 0] < 0.7
        kept = outlier_filter.kept(states)
        assert lying.mean() > 0.05
        assert kept[lying].mean() < 0.001
        assert kept[~lying].mean() > 0.95


@pytest.mark.parametrize("share", [0.0, 0.5, -0.1])
def test_a_share_that_cannot_be_left_out_is_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"above 0 and below 0\.5"):
        OutlierFilter.of(contexts().observations, share)


def test_states_without_distances_are_refused() -> None:
    states = contexts().observations.copy()
    states[..., 1] = 2.0 * states[..., 0]
    with pytest.raises(InputError, match="do not span"):
        OutlierFilter.of(states, 0.1)
    states[..., 1] = 1.0
    with pytest.raises(InputError, match="do not span"):
        OutlierFilter.of(states, 0.1)


def test_small_made_up_demonstrations_can_be_filtered() -> None:
    train = synthetic.dataset().train.observations
    kept = OutlierFilter.of(train, 0.1).kept(train)
    assert 0.85 < kept.mean() < 1.0
