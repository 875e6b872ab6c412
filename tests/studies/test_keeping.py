"""Archives and leaderboard entries made from a study."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from smile_bench.errors import StudyError
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.keeping import archive, fill_entry, reuse
from smile_bench.studies.results import read_cells
from smile_bench.studies.table import run_rows
from tests.helpers.studies import GRID, TEXT, finished, opened

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return finished(tmp_path_factory.mktemp("studies") / "small")


def test_an_archive_is_read_as_the_study_is(study: StudyFolder, tmp_path: Path) -> None:
    assert archive(study, tmp_path / "archive") == 5
    copy = StudyFolder.open(tmp_path / "archive")
    assert run_rows(list(read_cells(copy))) == run_rows(list(read_cells(study)))
    assert all(copy.done(job) for job in copy.jobs)
    assert not list(copy.path.rglob("*.safetensors"))
    assert not list(copy.path.rglob("evidence.h5"))
    assert archive(study, tmp_path / "archive") == 0  # What is there stays.


def test_evidence_is_kept_on_demand(study: StudyFolder, tmp_path: Path) -> None:
    archive(study, tmp_path / "archive", evidence=True)
    assert len(list((tmp_path / "archive").rglob("evidence.h5"))) == 5


def test_an_archive_of_another_study_is_not_mixed(study: StudyFolder, tmp_path: Path) -> None:
    opened(tmp_path / "other", study.study.text.replace('"small"', '"other"'))
    with pytest.raises(StudyError, match="is the folder of the study 'other'"):
        archive(study, tmp_path / "other")


def test_an_entry_gets_every_seed_and_the_first_ones_evidence(
    study: StudyFolder, tmp_path: Path
) -> None:
    entry = tmp_path / "tabular-smile"
    entry.mkdir()
    card = {
        "format": "smile-bench-entry-1",
        "name": "tabular-smile",
        "title": "Tabular SMILe",
        "authors": ["A"],
        "paper": None,
        "code": None,
        "track": "offline",
        "state_only": False,
        "demonstrations": {GRID: 16},
    }
    (entry / "entry.json").write_text(json.dumps(card))
    cells = list(read_cells(study))
    fill_entry(cells[:1], entry)
    read = read_entry(entry)
    assert [run.seed for run in read.runs] == [0, 1]
    assert [run.primary.evidence is not None for run in read.runs] == [True, False]

    # One seed more: what is there stays, and its evidence is enough.
    before = {path: path.read_bytes() for path in entry.rglob("seed-0/**/*") if path.is_file()}
    shutil.rmtree(entry / GRID / "seed-1")
    assert fill_entry(cells[:1], entry, seeds=[1]) == [entry / GRID / "seed-1"]
    assert all(path.read_bytes() == content for path, content in before.items())
    assert [run.primary.evidence is not None for run in read_entry(entry).runs] == [True, False]
    with pytest.raises(StudyError, match=f"several cells of the agent on {GRID}"):
        fill_entry(cells[:2], entry)


def test_an_entry_needs_the_evidence(study: StudyFolder, tmp_path: Path) -> None:
    archive(study, tmp_path / "archive")
    cells = list(read_cells(StudyFolder.open(tmp_path / "archive")))
    with pytest.raises(StudyError, match="where the study ran"):
        fill_entry(cells[:1], tmp_path / "entry")


def test_cells_that_two_studies_share_are_made_once(study: StudyFolder, tmp_path: Path) -> None:
    text = TEXT.replace('"small"', '"other"').replace("12 demonstrations", "13 demonstrations")
    other = opened(tmp_path / "other", text.replace("0-1", "0-2"), together=3)
    assert reuse(other, study) == 3
    assert reuse(other, study) == 0
    shared, changed, untrained = other.study.cells
    assert [other.result(shared, seed) is not None for seed in (0, 1, 2)] == [True, True, False]
    assert other.result(changed, 0) is None
    assert other.result(untrained, 0) is not None
    place = other.result(shared, 0)
    assert place is not None
    assert (place / "evidence.h5").exists()
    assert (place.parent / f"{GRID}.safetensors").exists()
    assert not list(other.path.rglob("checkpoint*"))
    (job, *_) = [job for job in other.jobs if job.cell is shared]
    assert other.seeds_left(job) == (2,)
