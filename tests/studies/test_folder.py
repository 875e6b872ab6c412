"""A study's folder: whose it is, what is done, and what damage looks like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from smile_bench.errors import StudyError
from smile_bench.studies.claims import try_claim
from smile_bench.studies.folder import DONE, FAILED, PENDING, RUNNING, StudyFolder
from smile_bench.studies.reading import parse_study
from smile_bench.studies.study import Job, Study
from tests.helpers.studies import TEXT, opened


def job_of(folder: StudyFolder) -> Job:
    return folder.jobs[0]


def finish(folder: StudyFolder, job: Job, seed: int) -> Path:
    """What the evaluation of a seed leaves last."""
    place = folder.of(job) / f"seed-{seed}" / "primary"
    place.mkdir(parents=True)
    (place / "result.json").touch()
    return place


def study(text: str = TEXT) -> Study:
    return parse_study(text, "small.toml")


def test_a_folder_is_made_once_and_opened_again(tmp_path: Path) -> None:
    made = opened(tmp_path / "new" / "small")
    again = StudyFolder.open(made.path)
    assert (again.study, again.together) == (made.study, 1)
    before = (made.path / "study.json").stat().st_mtime_ns
    assert opened(made.path).study == made.study
    assert (made.path / "study.json").stat().st_mtime_ns == before, "nothing to write"
    assert again.current() is again


def test_a_study_may_change(tmp_path: Path) -> None:
    first = opened(tmp_path)
    finish(first, job_of(first), 0)
    more = TEXT.replace("0-1", "0-2").replace('"16 demonstrations", ', "")
    changed = opened(tmp_path, more)
    assert first.current().study == changed.study
    assert (len(first.jobs), len(changed.jobs)) == (5, 4)
    back = opened(tmp_path)
    assert back.done(job_of(back)), "what was finished is kept"


@pytest.mark.parametrize("together", [3, None])
def test_blocks_of_another_size_are_another_study(tmp_path: Path, together: int | None) -> None:
    first = opened(tmp_path)
    opened(tmp_path, together=together)
    assert first.current().together == together


def test_a_folder_of_another_study_is_refused(tmp_path: Path) -> None:
    opened(tmp_path)
    with pytest.raises(StudyError, match="is the folder of the study 'small', not of 'other'"):
        StudyFolder.make(tmp_path, replace(study(), name="other"), 1)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StudyError, match="not empty and not the folder of a study"):
        opened(tmp_path)
    with pytest.raises(StudyError, match=r"study\.json is missing\. Give the folder that"):
        StudyFolder.open(tmp_path)


def test_a_folder_that_another_run_is_making_is_not_foreign(tmp_path: Path) -> None:
    (tmp_path / ".study.json.x1.part").touch()
    opened(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '"text"',
        "\0",
        "[" * 100_000,
        '{"format": "smile-bench-study-9"}',
        '{"format": "smile-bench-study-1", "name": 3, "text": "", "together": 1}',
        '{"format": "smile-bench-study-1", "name": "small", "text": "", "together": "x"}',
    ],
)
def test_a_damaged_note_is_said_and_can_be_made_again(tmp_path: Path, content: str) -> None:
    folder = opened(tmp_path)
    folder.describe(job_of(folder))
    finish(folder, job_of(folder), 0)
    note = tmp_path / "study.json"
    note.write_text(content)
    for use in (StudyFolder.open, lambda path: opened(path), lambda _: folder.current()):
        with pytest.raises(StudyError, match=r"study\.json is damaged .* results stay") as caught:
            use(tmp_path)
        assert "\n" not in str(caught.value)
    note.unlink()  # As the message says.
    again = opened(tmp_path)
    assert again.done(job_of(again))


def test_a_note_whose_study_cannot_be_read_says_so(tmp_path: Path) -> None:
    opened(tmp_path)
    note = tmp_path / "study.json"
    document = json.loads(note.read_text())
    note.write_text(json.dumps({**document, "text": TEXT.replace("iterations", "iteration")}))
    with pytest.raises(StudyError, match=r"study\.json, line 9: .*Did you mean 'iterations'"):
        StudyFolder.open(tmp_path)


def test_the_states_of_a_job(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    job = job_of(folder)
    assert folder.state(job) == PENDING
    claim = try_claim(folder.of(job), lambda: None)
    assert claim is not None
    with claim:
        assert folder.state(job) == RUNNING
    folder.fail(job, "no\nluck")
    assert (folder.state(job), folder.failure(job)) == (FAILED, "no luck")
    folder.forgive(job)
    folder.forgive(job)
    assert folder.state(job) == PENDING
    finish(folder, job, 0)
    assert folder.state(job) == DONE


@pytest.mark.parametrize("content", ["", "{", "[]", '{"m": 1}', "[" * 100_000, "\0"])
def test_a_damaged_failure_is_one(tmp_path: Path, content: str) -> None:
    folder = opened(tmp_path)
    job = job_of(folder)
    folder.fail(job, "no luck")
    (folder.of(job) / "failed.json").write_text(content)
    assert folder.state(job) == FAILED
    assert "damaged; run the study with --retry" in str(folder.failure(job))
    folder.forgive(job)
    assert folder.state(job) == PENDING


def test_a_job_is_done_when_all_its_seeds_are_or_have_diverged(tmp_path: Path) -> None:
    folder = opened(tmp_path, together=None)
    job = job_of(folder)
    assert job.seeds == (0, 1)
    finish(folder, job, 1)
    assert not folder.done(job)
    other = folder.of(job) / "seed-0"
    other.mkdir()
    (other / "diverged.json").touch()
    assert folder.done(job)
    assert folder.diverged(job.cell, 0)


def test_seeds_that_another_block_has_finished_are_not_trained_again(tmp_path: Path) -> None:
    alone = opened(tmp_path)
    finish(alone, job_of(alone), 0)
    together = opened(tmp_path, TEXT.replace("0-1", "0-3"), together=None)
    job = job_of(together)
    assert together.seeds_left(job) == (1, 2, 3)
    for seed in (1, 2, 3):
        (together.of(job) / f"seed-{seed}").mkdir(parents=True)
    finish(alone, alone.jobs[1], 1)
    assert together.seeds_left(job) == (1, 2, 3), "a block that has begun stays as it is"


def test_a_cell_is_described(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    job = folder.jobs[2]
    folder.describe(job)
    described = json.loads((tmp_path / job.cell.folder / "cell.json").read_text())
    assert described["agent"] == "tabular-smile"
    assert described["changes"] == {"iterations": "3"}
    assert (described["condition"]["demonstrations"], described["condition"]["tasks"]) == (12, 8)
