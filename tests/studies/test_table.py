"""Tables of a study against numbers computed apart."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import trim_mean

from smile_bench.studies import table
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.results import CellResult, read_cells
from tests.helpers.studies import finished

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return finished(tmp_path_factory.mktemp("studies") / "small")


@pytest.fixture(scope="module")
def cells(study: StudyFolder) -> list[CellResult]:
    return list(read_cells(study))


def test_a_cell_has_the_statistics_of_its_seeds_and_tasks(cells: list[CellResult]) -> None:
    row = table.cell_rows(cells)[0]
    scores = np.stack([result.scores for result in cells[0].results.values()])
    measured = scores[:, ~np.isnan(scores[0])]
    assert row["score"] == pytest.approx(trim_mean(measured.ravel(), 0.25))
    assert row["score_low"] <= row["score"] <= row["score_high"]
    means = [result.per_task().mean() for result in cells[0].results.values()]
    assert row["metric"] == pytest.approx(np.mean(means))
    assert row["metric_sd"] == pytest.approx(np.std(means, ddof=1))
    assert (row["demonstrations"], row["tasks"], row["seeds"]) == (16, 64, 2)
    assert row["settings"] == "iterations=3"


def test_an_agent_that_is_not_trained_has_no_condition(cells: list[CellResult]) -> None:
    row = table.cell_rows(cells)[-1]
    assert row["agent"] == "retrieve-and-play"
    assert row["demonstrations"] is None
    assert row["metric_sd"] is None


def test_a_run_has_a_row(cells: list[CellResult]) -> None:
    rows = table.run_rows(cells)
    assert [(row["agent"], row["seed"]) for row in rows] == [
        *[("tabular-smile", seed) for seed in (0, 1, 0, 1)],
        ("retrieve-and-play", 0),
    ]
    assert rows[1]["metric"] == cells[0].results[1].metric


@pytest.mark.parametrize("kind", ["csv", "markdown", "parquet"])
def test_files_hold_the_rows(cells: list[CellResult], kind: str, tmp_path: Path) -> None:
    rows, path = table.cell_rows(cells), tmp_path / "table"
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    table.write_table(rows, path, kind)
    if kind == "csv":
        read = list(csv.DictReader(io.StringIO(path.read_text())))
        assert [float(row["score"]) for row in read] == [row["score"] for row in rows]
        assert read[-1]["demonstrations"] == ""
    elif kind == "markdown":
        lines = path.read_text().splitlines()
        assert len(lines) == 2 + len(rows)
        assert lines[0].startswith("| agent | family | demonstrations |")
        assert len({line.count("|") for line in lines}) == 1
    else:
        import pyarrow.parquet as pq

        assert pq.read_table(path).to_pylist() == rows


def test_the_document_has_every_seed_and_task(study: StudyFolder, cells: list[CellResult]) -> None:
    document = json.loads(table.as_json(table.table_document(study, cells)))
    assert document["format"] == "smile-bench-study-table-1"
    assert document["sha256"] == study.study.digest
    first = document["cells"][0]
    assert np.shape(first["scores"]) == np.shape(first["metrics"]) == (2, 24)
    np.testing.assert_allclose(np.array(first["metrics"], float), cells[0].metrics())
    assert first["condition"]["label"] == "16 demonstrations, all tasks"
    assert first["condition"]["sha256"] == cells[0].cell.condition.on(first["family"]).digest


def test_without_results_the_table_says_so() -> None:
    assert table.as_markdown([]) == "No cell has a result yet.\n"
    assert table.as_csv([]).strip() == ""
