from __future__ import annotations

import numpy as np
import pytest

from smile_bench.errors import InputError
from smile_bench.protocol.fine_tuning import EPISODES, area_under_curve


def test_a_constant_score_is_its_own_area() -> None:
    assert area_under_curve(EPISODES, np.full((5, 2), 0.7)) == pytest.approx([0.7, 0.7])


def test_a_score_that_is_linear_in_the_logarithm_has_the_mean_of_its_ends() -> None:
    scores = np.log1p(np.array(EPISODES)) / np.log1p(100)
    assert area_under_curve(EPISODES, scores) == pytest.approx(0.5)


def test_by_hand() -> None:
    # Widths log 2 and log 3 of log 6 in all.
    area = area_under_curve((0, 1, 5), np.array([0.0, 1.0, 0.5]))
    assert area == pytest.approx((np.log(2) * 0.5 + np.log(3) * 0.75) / np.log(6))


def test_a_task_that_cannot_be_measured_stays_so() -> None:
    area = area_under_curve((0, 1), np.array([[np.nan, 1.0], [0.5, 1.0]]))
    assert np.isnan(area[0])
    assert area[1] == 1.0


@pytest.mark.parametrize("episodes", [(0,), (1, 0), (0, 0), (0, 1, 2)])
def test_numbers_that_give_no_area_are_refused(episodes: tuple[int, ...]) -> None:
    scores = np.zeros(min(2, len(episodes)))
    with pytest.raises(InputError, match="at least two rising numbers of episodes"):
        area_under_curve(episodes, scores)
