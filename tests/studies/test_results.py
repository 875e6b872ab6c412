"""Results of a study's cells, read back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from smile_bench.errors import StudyError
from smile_bench.protocol import read_result
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.results import read_cells, read_results
from tests.helpers.studies import GRID, finished, opened

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return finished(tmp_path_factory.mktemp("studies") / "small")


def test_every_seed_of_every_cell_is_there(study: StudyFolder) -> None:
    cells = list(read_cells(study))
    assert [(one.cell.agent, one.seeds) for one in cells] == [
        ("tabular-smile", (0, 1)),
        ("tabular-smile", (0, 1)),
        ("retrieve-and-play", (0,)),  # Not trained: another seed would be the same.
    ]
    first = cells[0]
    for row, seed in zip(first.scores, first.seeds, strict=True):
        again = read_result(first.folders[seed] / "primary")
        np.testing.assert_array_equal(row, again.scores)
    assert first.metrics().shape == (2, 24)


def test_contexts_of_one_size_are_told_apart(study: StudyFolder) -> None:
    one = next(iter(read_cells(study)))
    result = one.results[0]
    kept = result.shots == 2
    rows = one.at_shots(2)
    for task in range(24):
        own = result.episodes["episode_return"][kept & (result.tasks == task)]
        assert rows[0, task] == pytest.approx(own.mean()) if len(own) else np.isnan(rows[0, task])


def test_costs_are_shared_by_the_trainings_of_one_computation(tmp_path: Path) -> None:
    text = f"""
name = "together"
seeds = "0-1"
together = 2
[[cells]]
families = ["{GRID}"]
agents = ["meta-bc"]
settings = {{ total_updates = 20, updates_per_iteration = 10 }}
"""
    (one,) = read_cells(finished(tmp_path / "together", text))
    recipes = [result.training for result in one.results.values()]
    assert all(recipe is not None and recipe["trained_together"] == 2 for recipe in recipes)
    seconds = [recipe["seconds"] for recipe in recipes if recipe is not None]
    assert one.costs()["seconds"] == pytest.approx(sum(seconds) / 4)
    assert one.costs()["env_steps"] == 0


def test_a_damaged_result_is_one_line_that_names_it(study: StudyFolder, tmp_path: Path) -> None:
    shutil.copytree(study.path, tmp_path / "copy")
    copy = StudyFolder.open(tmp_path / "copy")
    cell = copy.study.cells[0]
    place = copy.result(cell, 1)
    assert place is not None
    path = place / "result.json"
    document = json.loads(path.read_text())
    document["episodes"]["episode_return"][0] += 1.0
    path.write_text(json.dumps(document))
    with pytest.raises(StudyError, match=r"seed-1/primary cannot be used: .* run the study again"):
        read_results(copy, cell)


def test_a_result_in_the_wrong_place_is_refused(study: StudyFolder, tmp_path: Path) -> None:
    shutil.copytree(study.path, tmp_path / "copy")
    copy = StudyFolder.open(tmp_path / "copy")
    first, second = copy.study.cells[:2]
    here, there = copy.result(first, 0), copy.result(second, 0)
    assert here is not None
    assert there is not None
    shutil.copytree(here, there, dirs_exist_ok=True)
    with pytest.raises(StudyError, match="its condition is"):
        read_results(copy, second)


def test_cells_without_a_result_are_left_out(tmp_path: Path) -> None:
    assert list(read_cells(opened(tmp_path / "new"))) == []
