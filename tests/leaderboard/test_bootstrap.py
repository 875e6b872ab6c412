"""The leaderboard's statistics over several families."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.leaderboard.bootstrap import same_seeds, summary_overall


def test_a_family_that_was_trained_more_often_does_not_weigh_more() -> None:
    easy, hard = np.full((5, 10), 1.0), np.full((1, 10), 0.0)
    summary = summary_overall({"easy": easy, "hard": hard})
    assert summary.mean.value == pytest.approx(0.5)
    assert summary.interquartile_mean.value == pytest.approx(0.5)
    assert summary.scores == 20


def test_the_first_seeds_of_each_family_count() -> None:
    scores = {"a": np.arange(6.0).reshape(3, 2), "b": np.arange(4.0).reshape(2, 2)}
    cut = same_seeds(scores)
    np.testing.assert_array_equal(cut["a"], [[0.0, 1.0], [2.0, 3.0]])
    np.testing.assert_array_equal(cut["b"], scores["b"])
