from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.leaderboard.checks.study import read_study
from smile_bench.leaderboard.page.surface_data import surfaces_data
from smile_bench.leaderboard.surface import Surface, surfaces
from tests.helpers.made_entries import ANT, CHEETAH
from tests.helpers.made_studies import study_cell, write_study


def level(demonstrations: int, tasks: int) -> float:
    return float(0.1 * np.log2(demonstrations) + 0.05 * np.log2(tasks))


def cells(
    amounts: tuple[int, ...], tasks: tuple[int, ...], family: str = ANT, **facts: Any
) -> list[dict[str, Any]]:
    return [study_cell(family, d, t, level(d, t), **facts) for d in amounts for t in tasks]


def read(tmp_path: Path, made: list[dict[str, Any]]) -> list[Surface]:
    one = {"seeds": [0], "best": [None], "last": [None]}
    single = [
        {**cell, **one, "scores": cell["scores"][:1], "metrics": cell["metrics"][:1]}
        for cell in made
    ]
    return surfaces(read_study(write_study(tmp_path / "table.json", single)))


def test_the_mean_is_the_integral_in_log_budget(tmp_path: Path) -> None:
    """On a plane over the logarithms the trapezoid rule is exact: the value in the middle."""
    (surface,) = read(tmp_path, cells((16, 1, 4), (4, 8, 32)))
    assert (surface.demonstrations, surface.tasks) == ((1, 4, 16), (4, 8, 32))
    middle = 0.1 * np.log2(4) + 0.05 * np.log2((4 * 32) ** 0.5)
    assert surface.mean == pytest.approx(middle)
    assert surface.corner is not None
    assert surface.corner.score.value == pytest.approx(level(4, 8))


def test_uneven_steps_count_by_their_width(tmp_path: Path) -> None:
    made = cells((1, 2, 16), (8,))
    for cell, score in zip(made, (0.0, 1.0, 1.0), strict=True):
        cell["scores"] = [[score] * 16] * 2
    (surface,) = read(tmp_path, made)
    # One of four doublings rises from 0 to 1, three are at 1.
    assert surface.mean == pytest.approx((0.5 + 3) / 4)


def test_a_missing_cell_leaves_no_mean(tmp_path: Path) -> None:
    (surface,) = read(tmp_path, cells((1, 4), (4, 8))[:-1])
    assert (surface.missing, surface.mean, surface.corner) == (1, None, None)


def test_surfaces_of_a_family_are_over_the_same_area(tmp_path: Path) -> None:
    made = cells((1, 4), (4, 8)) + cells((1, 4), (8,), agent="smile") + cells((16,), (2,), CHEETAH)
    first, second, other = read(tmp_path, made)
    assert (first.missing, second.missing) == (0, 2)
    assert second.tasks == first.tasks == (4, 8)
    assert other.demonstrations == (16,)
    assert other.mean == pytest.approx(level(16, 2))
    assert other.corner is None


def test_data_say_what_tells_surfaces_apart(tmp_path: Path) -> None:
    made = [
        study_cell(ANT, 4, 8, 0.5),
        study_cell(ANT, 4, 8, 0.6, settings={"batch": 64}, state_only=True),
        study_cell(CHEETAH, 4, 8, 0.5),
    ]
    read_back = read_study(write_study(tmp_path / "table.json", made))
    first, second, third = surfaces_data(read_back)
    labels = [one["label"] for one in (first, second, third)]
    assert labels == ["meta-bc", "meta-bc (batch=64, state-only)", "meta-bc"]
    assert first["corner"] == first["cells"][0][0]["score"]
    assert first["cells"][0][0]["score"][0] == pytest.approx(0.5 * 5 / 6, abs=1e-5)
    assert first["cells"][0][0]["metric"] == pytest.approx(0.2)
    assert first["cells"][0][0]["cost"]["seconds"] == 600
    assert first["cells"][0][0]["best"] == [0.1, None]
