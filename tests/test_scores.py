from __future__ import annotations

import numpy as np

from smile_bench.scores import normalised_score


def test_one_is_the_expert_and_zero_the_task_blind_expert() -> None:
    assert normalised_score(3.0, expert=3.0, blind=1.0) == 1.0
    assert normalised_score(1.0, expert=3.0, blind=1.0) == 0.0
    # A metric of which less is better.
    assert normalised_score(0.5, expert=0.0, blind=2.0) == 0.75
    scores = normalised_score(
        np.array([[0.0, 2.0], [2.0, -2.0]]), expert=np.array([1.0, 2.0]), blind=np.zeros(2)
    )
    np.testing.assert_array_equal(scores, [[0.0, 1.0], [2.0, -1.0]])


def test_nothing_is_measured_where_the_references_are_alike() -> None:
    scores = normalised_score(np.ones(2), expert=np.array([1.0, 3.0]), blind=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(scores, [np.nan, -1.0])
