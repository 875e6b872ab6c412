"""``study run`` and ``study work``."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path

import pytest

from smile_bench.cli import main
from smile_bench.cli.studies import running
from smile_bench.protocol import read_result
from smile_bench.studies.claims import try_claim
from smile_bench.studies.engines import processes
from smile_bench.studies.folder import FAILED, StudyFolder
from smile_bench.studies.status import Status, look
from smile_bench.studies.work import WorkerOptions, work
from tests.helpers.studies import TEXT

pytest.importorskip("torch")
SMALL = TEXT.partition("[[cells]]")[0] + "[[cells]]" + TEXT.rpartition("[[cells]]")[2]
"""Agents that are not trained."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a study, whose workers are calls."""

    def here(folder: StudyFolder, options: WorkerOptions, workers: int) -> Status:
        work(folder, options)
        return look(folder)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(processes, "run_processes", here)
    Path("study.toml").write_text(SMALL)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = main(["study", *map(str, arguments)])
    found = capsys.readouterr()
    return status, found.out, found.err


def results(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")}


def test_a_study_is_run_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = Path("runs/studies/small")
    assert said(capsys, "run", "study.toml") == (0, f"small in {where}: 1 done\n", "")
    before = results(where)
    assert len(before) == 1
    assert said(capsys, "run", "study.toml")[0] == 0
    assert results(where) == before


def test_a_folder_may_stand_for_its_study(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(capsys, "run", "study.toml", "--folder", "mine")[0] == 0
    Path("study.toml").unlink()
    for path in results(Path("mine")):
        path.unlink()
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    folder = place / "mine"
    assert said(capsys, "run", folder) == (0, f"small in {folder}: 1 done\n", "")
    assert not list(Path().iterdir())


def test_a_study_may_have_changed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "run", "study.toml")
    before = results(place)
    Path("study.toml").write_text(SMALL.replace('["retri', '["task-blind", "retri'))
    assert said(capsys, "run", "study.toml")[1].endswith(": 2 done\n")
    assert before.items() < results(place).items()
    Path("study.toml").write_text(SMALL)
    assert said(capsys, "run", "study.toml")[1].endswith(": 1 done\n")
    assert len(results(place)) == 2, "nothing is lost"


def test_what_failed_is_said_and_tried_again_on_demand(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "run", "study.toml")
    folder = StudyFolder.open("runs/studies/small")
    for path in results(place):
        path.unlink()
    folder.fail(folder.jobs[0], "no luck")
    line = "failed: retrieve-and-play | SmileGridGoal-v0 | seed 0: no luck\n"
    assert said(capsys, "run", "study.toml") == (1, f"small in {folder.path}: 1 failed\n", line)
    assert said(capsys, "status", "study.toml")[1].endswith(line)
    assert said(capsys, "run", "study.toml", "--retry")[0] == 0


def test_a_damaged_result_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "run", "study.toml")
    (path,) = results(place)
    path.write_text(path.read_text()[:500])
    status, _, wrong = said(capsys, "run", "study.toml")
    assert (status, wrong.count("\n")) == (1, 1)
    assert wrong.startswith(
        f"damaged: the result in {path.parent.relative_to(place)} cannot be used"
    )
    assert "damaged: the result in" in said(capsys, "status", "study.toml")[1]
    for left in path.parent.iterdir():
        left.unlink()
    assert said(capsys, "run", "study.toml")[0] == 0
    read_result(path)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["none.toml"], "none.toml is missing"),
        (["."], "is not the folder of a study"),
        (["study.toml", "--workers", "0"], "--workers is 0; give 1 or more."),
        (["study.toml", "--engine", "rya"], "Did you mean 'ray'?"),
        (["study.toml", "--slurm", "time=1"], "--slurm needs --engine slurm; got processes."),
        (["study.toml", "--address", "auto"], "--address needs --engine ray"),
        (["study.toml", "--wait"], "--wait needs --engine slurm"),
        (["study.toml", "--device", "cuda:99"], "cuda:99"),
        (["study.toml", "--device", "tpu"], "tpu"),
        (["study.toml", "--folder", "full"], "not empty and not the folder of a study"),
        (["study.toml", "--folder", "other"], "is the folder of the study 'other'"),
        (["study.toml", "--folder", "study.toml"], "Not a directory"),
        (["study.toml", "--folder", "broken"], "study.json is damaged"),
    ],
)
def test_what_is_wrong_is_one_line_and_changes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    Path("full").mkdir()
    Path("full/thesis.tex").touch()
    Path("other.toml").write_text(SMALL.replace('"small"', '"other"'))
    main(["study", "run", "other.toml", "--folder", "other"])
    Path("broken").mkdir()
    Path("broken/study.json").write_text("{")
    capsys.readouterr()
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    status, out, wrong = said(capsys, "run", *arguments)
    assert (status, out) == (2, "")
    assert problem in wrong
    assert wrong.count("\n") == 1
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").mkdir(mode=0o500)
    status, _, wrong = said(capsys, "run", "study.toml", "--folder", "mine")
    assert (status, wrong.count("\n")) == (2, 1)
    assert "Permission denied" in wrong


def test_a_missing_extra_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine, module, extra in (("ray", "ray", "ray"), ("slurm", "submitit", "slurm")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            status, _, wrong = said(capsys, "run", "study.toml", "--engine", engine)
        assert status == 2
        assert f"pip install 'smile-bench[{extra}]'" in wrong
        assert wrong.count("\n") == 1


def test_work_does_one_job(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("study.toml").write_text(SMALL.replace('["retri', '["task-blind", "retri'))
    said(capsys, "run", "study.toml")
    for path in results(place):
        path.unlink()
    folder = StudyFolder.open("runs/studies/small")
    first, second = folder.jobs
    assert said(capsys, "work", folder.path, "--job", second.id)[0] == 0
    assert [folder.done(first), folder.done(second)] == [False, True]
    status, _, wrong = said(capsys, "work", folder.path, "--job", "nothing")
    assert status == 2
    assert "has no job 'nothing'; `smile-bench study status --jobs` lists them" in wrong
    listed = said(capsys, "status", folder.path, "--jobs")[1]
    assert first.id in listed
    assert second.id in listed


def test_status_shows_who_works_where(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "run", "study.toml")
    for path in results(place):
        path.unlink()
    folder = StudyFolder.open("runs/studies/small")
    claim = try_claim(folder.of(folder.jobs[0]), lambda: None)
    assert claim is not None
    with claim:
        shown = said(capsys, "status", "study.toml")[1]
    assert shown.splitlines()[0] == f"small in {folder.path}: 1 running"
    assert f"on {claim.holder.host}" in shown.splitlines()[1]


def test_tensorboard_finds_every_training(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    Path("study.toml").write_text(TEXT)
    assert said(capsys, "run", "study.toml")[0] == 0
    board = EventMultiplexer().AddRunsFromDirectory("runs/studies/small")
    board.Reload()
    assert len(board.Runs()) == 4
    for run in board.Runs():
        steps = [event.step for event in board.Scalars(run, "losses/visit_difference")]
        assert steps == [1, 2, 3]


def test_a_worker_ends_with_its_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(os.fdopen(reading, "rb", 0)))
    monkeypatch.setattr(os, "kill", lambda *given: sent.append(given))
    monkeypatch.setattr(os, "_exit", lambda status: sent.append((0, status)))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    os.write(writing, b"x")
    os.close(writing)
    running._end_with_input()
    assert sent == [(os.getpid(), 2), (0, 130)]
    sys.stdin.close()


def test_the_note_of_a_folder_is_data(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "run", "study.toml")
    note = json.loads(Path("runs/studies/small/study.json").read_text())
    assert {name: note[name] for name in ("format", "name", "together", "text")} == {
        "format": "smile-bench-study-1",
        "name": "small",
        "together": 1,
        "text": SMALL,
    }
    assert not look(StudyFolder.open("runs/studies/small")).of(FAILED)
