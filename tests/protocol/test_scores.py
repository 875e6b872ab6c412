from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_bench.protocol.meta_test import References, load_meta_test
from smile_bench.protocol.scores import normalised_scores, scores_of_means, task_means

ANT, WALKER = "SmileAntGoal-v0", "SmileWalkerDynamics-v0"


def references(metric: str, expert: list[float], blind: list[float]) -> References:
    return References(expert={metric: np.array(expert)}, blind={metric: np.array(blind)})


def test_the_expert_scores_one_and_the_task_blind_expert_zero() -> None:
    tasks = np.array([0, 0, 1])
    known = references("min_distance", [0.1, 0.2], [1.1, 2.2])
    for values, score in (([0.0, 0.2, 0.2], 1.0), ([1.1, 1.1, 2.2], 0.0), ([0.6, 0.6, 1.2], 0.5)):
        scores = normalised_scores(ANT, tasks, {"min_distance": np.array(values)}, known)
        np.testing.assert_allclose(scores, score)


def test_walker_scores_are_the_papers_custom_metric_without_tasks_that_cannot_measure() -> None:
    tasks = np.array([0, 1, 2])
    known = references("episode_return", [3000.0, 1000.0, 4000.0], [1000.0, 1200.0, 1000.0])
    scores = normalised_scores(
        WALKER, tasks, {"episode_return": np.array([2000.0, 5000.0, 4000.0])}, known
    )
    np.testing.assert_allclose(scores, [0.5, np.nan, 1.0])


@pytest.mark.parametrize("family", [ANT, WALKER])
def test_the_references_score_one_and_zero_on_every_measurable_task(family: str) -> None:
    known = load_meta_test(family).references
    (expert, *_), (blind, *_) = known.expert.values(), known.blind.values()
    scores = scores_of_means(family, np.stack((expert, blind)), known)
    assert np.isfinite(scores).any()
    np.testing.assert_array_equal(scores[0][np.isfinite(scores[0])], 1.0)
    np.testing.assert_array_equal(scores[1][np.isfinite(scores[1])], 0.0)


def test_task_means_weigh_the_episodes_of_a_task_evenly() -> None:
    means = task_means(np.array([0, 1, 1, 1, 3]), np.array([4.0, 1.0, 2.0, 3.0, 5.0]), 5)
    np.testing.assert_allclose(means, [4.0, 2.0, np.nan, 5.0, np.nan])
    means = task_means(np.array([0, 1, 1]), np.array([4.0, 1.0, 3.0]))
    np.testing.assert_allclose(means, [4.0, 2.0])


@given(seed=st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_order_of_episodes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tasks, values = np.repeat(np.arange(4), 3), rng.integers(0, 100, 12).astype(np.float64)
    known = references("min_distance", [0.0] * 4, [100.0] * 4)
    shuffled = rng.permutation(12)
    np.testing.assert_array_equal(
        normalised_scores(ANT, tasks, {"min_distance": values}, known),
        normalised_scores(ANT, tasks[shuffled], {"min_distance": values[shuffled]}, known),
    )
