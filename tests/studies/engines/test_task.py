"""A job as one call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smile_bench.studies.engines.task import tasks_left
from smile_bench.studies.folder import DONE, FAILED
from smile_bench.studies.status import look
from smile_bench.studies.work import WorkerOptions
from tests.helpers.studies import opened

pytest.importorskip("torch")


def test_a_task_does_its_job_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = opened(Path("study"))
    folder.fail(folder.jobs[0], "no luck")
    tasks = tasks_left(folder, WorkerOptions(), look(folder))
    assert [job for job, _ in tasks] == folder.jobs[1:]
    task = tasks[-1][1]
    monkeypatch.chdir("/")
    assert task() == DONE
    assert task() is None
    assert Path.cwd() == tmp_path
    assert [one.state for one in look(folder).jobs][0::4] == [FAILED, DONE]


def test_a_job_that_the_study_no_longer_has_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = opened(tmp_path / "study")
    _, task = tasks_left(folder, WorkerOptions(), look(folder))[0]
    assert replace(task, job="0" * 12)() is None


def test_modules_of_the_study_are_imported_where_the_run_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "module_of_a_task.py").write_text("")
    text = (
        'name = "a"\nimport = "module_of_a_task"\n[[cells]]\nfamilies = ["SmileGridGoal-v0"]\n'
        'agents = ["retrieve-and-play"]\n'
    )
    folder = opened(tmp_path / "study", text)
    ((_, task),) = tasks_left(folder, WorkerOptions(), look(folder))
    assert task.directory == str(tmp_path)
    assert task() == DONE
