from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.errors import InputError
from smile_bench.leaderboard.checks.retraining import _quantile, judge, new_seeds
from smile_bench.leaderboard.entries.reading import Run, read_entry
from tests.helpers.made_entries import ANT, write_entry


def runs(root: Path, level: float, seeds: tuple[int, ...] = (0,)) -> tuple[Run, ...]:
    return read_entry(write_entry(root, "mine", families=(ANT,), level=level, seeds=seeds)).runs


def test_a_score_among_new_ones_agrees(tmp_path: Path) -> None:
    found = judge(runs(tmp_path, 0.8), (1, 2, 3), (0.78, 0.80, 0.82))
    assert found.agrees
    # t with 2 degrees of freedom, standard deviation 0.02, one seed against three.
    reach = 4.303 * 0.02 * (1 / 3 + 1) ** 0.5 + 0.01
    assert (found.low, found.high) == pytest.approx((0.8 - reach, 0.8 + reach))
    assert (found.family, found.seeds) == (ANT, (1, 2, 3))
    assert found.score == pytest.approx(0.8)


def test_a_score_that_training_does_not_reach_does_not_agree(tmp_path: Path) -> None:
    assert not judge(runs(tmp_path, 0.95), (1, 2, 3), (0.78, 0.80, 0.82)).agrees


def test_trainings_that_end_alike_leave_room_for_rounding(tmp_path: Path) -> None:
    assert judge(runs(tmp_path, 0.805), (1, 2), (0.8, 0.8)).agrees


def test_more_seeds_of_the_entry_narrow_the_interval(tmp_path: Path) -> None:
    one = judge(runs(tmp_path / "a", 0.8), (5, 6), (0.7, 0.8))
    three = judge(runs(tmp_path / "b", 0.8, (0, 1, 2)), (5, 6), (0.7, 0.8))
    assert three.high - three.low < one.high - one.low


def test_new_seeds_are_not_the_entry_s(tmp_path: Path) -> None:
    assert new_seeds(runs(tmp_path, 0.5, (0, 2)), 3) == (1, 3, 4)
    with pytest.raises(InputError, match="--seeds is 1; give 2 or more"):
        new_seeds(runs(tmp_path / "b", 0.5), 1)


@pytest.mark.parametrize(("degrees", "quantile"), [(2, 4.303), (15, 2.131), (40, 2.021)])
def test_quantiles_are_those_of_student_s_t(degrees: int, quantile: float) -> None:
    assert _quantile(degrees) == pytest.approx(quantile, abs=2e-3)
