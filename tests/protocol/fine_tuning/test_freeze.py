from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.protocol.fine_tuning.freeze import freeze_fine_tuning, sample_fine_tuning
from smile_bench.protocol.fine_tuning.frozen import fine_tuning_folder, load_fine_tuning

GRID = "SmileGridGoal-v0"


def test_the_shipped_sets_of_the_grid_are_made_again_to_the_byte(tmp_path: Path) -> None:
    sets = freeze_fine_tuning(GRID, tmp_path, parts=tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    assert [frozen.version for frozen in sets] == [
        load_fine_tuning(GRID, kind).version for kind in ("expert", "half")
    ]
    shipped = fine_tuning_folder(get_family(GRID))
    expert, half = sorted(tmp_path.glob("*.safetensors"))
    assert expert.read_bytes() == (shipped / expert.name).read_bytes()
    assert load_fine_tuning(GRID, "half").version in half.read_bytes()[:4000].decode("latin-1")


@pytest.mark.parametrize(("tasks", "expected"), [(3, [0, 12, 23]), (100, list(range(24)))])
def test_tasks_are_spread_evenly(tasks: int, expected: list[int]) -> None:
    frozen = sample_fine_tuning(get_family(GRID), tasks, seed=1)
    assert frozen.learning_tasks.tolist() == expected
    assert np.array_equal(frozen.demonstrations[0], frozen.demonstrations[frozen.repeats - 1])
    assert len(set(frozen.demonstrations[0])) == 8
