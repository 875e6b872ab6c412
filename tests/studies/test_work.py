"""What a worker does with a job, and what it leaves when something is wrong."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path
from typing import Any

import pytest

from smile_bench.errors import InputError, StudyError
from smile_bench.protocol import evaluate, read_result
from smile_bench.studies import work as module
from smile_bench.studies.checking import damaged_results
from smile_bench.studies.claims import try_claim
from smile_bench.studies.folder import DONE, FAILED, StudyFolder
from smile_bench.studies.study import Job
from smile_bench.studies.work import BUSY, Worker, WorkerOptions, work
from tests.helpers.studies import TEXT, opened

pytest.importorskip("torch")


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def train(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(module, "train", train)


def worker(folder: StudyFolder) -> Worker:
    return Worker(folder, WorkerOptions())


def files(folder: StudyFolder, job: Job) -> set[str]:
    return {
        path.relative_to(folder.of(job)).as_posix()
        for path in folder.of(job).rglob("*")
        if path.is_file() and "tensorboard" not in path.parts
    }


def test_a_job_is_trained_and_evaluated_once(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    job = folder.jobs[1]
    assert worker(folder).perform(job) == DONE
    assert files(folder, job) == {
        "seed-1/SmileGridGoal-v0.safetensors",
        "seed-1/checkpoint.safetensors",
        "seed-1/progress.csv",
        "seed-1/primary/result.json",
        "seed-1/primary/evidence.h5",
    }
    result = read_result(folder.of(job) / "seed-1" / "primary")
    assert result.training is not None
    assert (result.agent, result.training["seed"]) == ("tabular-smile", 1)
    assert result.training["settings"]["iterations"] == 3
    assert worker(folder).perform(job) is None
    assert list(damaged_results(folder)) == []


def test_seeds_of_a_block_are_one_computation(tmp_path: Path) -> None:
    folder = opened(tmp_path, together=None)
    assert work(folder, WorkerOptions(), folder.jobs[:1]) == 1
    results = [
        read_result(folder.of(folder.jobs[0]) / f"seed-{seed}" / "primary").training
        for seed in (0, 1)
    ]
    assert [one and one["trained_together"] for one in results] == [2, 2]


def test_an_agent_that_is_not_trained_is_evaluated(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    assert worker(folder).perform(folder.jobs[-1]) == DONE
    assert read_result(folder.of(folder.jobs[-1]) / "seed-0" / "primary").training is None


def test_a_job_of_another_worker_is_left_alone(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    job = folder.jobs[0]
    claim = try_claim(folder.of(job), lambda: None)
    assert claim is not None
    with claim:
        assert worker(folder).perform(job) == BUSY
        assert work(folder, WorkerOptions(), [job]) == 0
    assert worker(folder).perform(job) == DONE


def test_a_process_for_one_job_waits_for_a_claim_that_may_be_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = opened(tmp_path)
    job, slept = folder.jobs[0], list[float]()
    claim = try_claim(folder.of(job), lambda: None)
    assert claim is not None

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        claim.path.unlink()

    monkeypatch.setattr(time, "sleep", sleep)
    assert worker(folder).perform_alone(job, poll=3.0) == DONE
    assert slept == [3.0]


def test_a_process_for_one_job_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, now = opened(tmp_path), [0.0]
    claim = try_claim(folder.of(folder.jobs[0]), lambda: None)
    assert claim is not None

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    assert worker(folder).perform_alone(folder.jobs[0]) == BUSY
    assert now[0] >= 120.0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("seeds are odd.\nGive even ones."), "seeds are odd. Give even ones."),
        (RuntimeError("boom"), "RuntimeError: boom"),
        (MemoryError(), "MemoryError"),
        (PermissionError(errno.EACCES, "not yours"), "PermissionError: [Errno 13] not yours"),
    ],
)
def test_a_failure_is_kept_and_ends_no_other_job(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    said: str,
) -> None:
    folder = opened(tmp_path)
    job = folder.jobs[0]
    with monkeypatch.context() as patch:
        failing(patch, error)
        assert worker(folder).perform(job) == FAILED
    assert (folder.failure(job), folder.state(job)) == (said, FAILED)
    assert said in capsys.readouterr().err
    assert "Traceback" in (folder.of(job) / "traceback.txt").read_text()
    assert worker(folder).perform(job) is None, "only on demand"
    folder.forgive(job)
    assert worker(folder).perform(job) == DONE


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_ends_the_worker_and_fails_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    folder = opened(tmp_path)
    error: Exception = OSError(errno.ENOSPC, "No space left on device")
    if wrapped:
        outer = RuntimeError("the writer of events has died")
        outer.__cause__ = error
        error = outer
    with monkeypatch.context() as patch:
        failing(patch, error)
        with pytest.raises(StudyError, match=r"the disk of .* is full, at tabular-smile"):
            worker(folder).perform(folder.jobs[0])
    assert folder.failure(folder.jobs[0]) is None
    assert files(folder, folder.jobs[0]) == set(), "the claim is free"
    assert worker(folder).perform(folder.jobs[0]) == DONE


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    blocked = tmp_path / "tabular-smile"
    blocked.touch()  # Where a folder should be.
    with pytest.raises(StudyError, match="cannot write into") as caught:
        worker(folder).perform(folder.jobs[0])
    assert "\n" not in str(caught.value)


def test_ctrl_c_frees_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = opened(tmp_path)
    failing(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        worker(folder).perform(folder.jobs[0])
    assert folder.failure(folder.jobs[0]) is None
    assert not any(name.startswith("claim") for name in files(folder, folder.jobs[0]))


def test_a_worker_that_was_replaced_writes_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = opened(tmp_path)
    job = folder.jobs[-1]

    def slow(*given: Any, **how: Any) -> Any:
        (folder.of(job) / "claim-000002").touch()
        return evaluate(*given, **how)

    def ended() -> None:
        raise SystemExit(75)

    monkeypatch.setattr(module, "evaluate", slow)
    monkeypatch.setattr(module, "_lost", ended)
    with pytest.raises(SystemExit):
        worker(folder).perform(job)
    assert files(folder, job) == {"claim-000002"}


@pytest.mark.parametrize("how", ["cut", "altered", "empty", "of another seed"])
def test_a_damaged_result_is_found(tmp_path: Path, how: str) -> None:
    folder = opened(tmp_path, TEXT.replace("iterations = 3", "iterations = 1"))
    work(folder, WorkerOptions(), folder.jobs[:2])
    first, second = (folder.of(job) / f"seed-{n}" for n, job in enumerate(folder.jobs[:2]))
    path = first / "primary" / "result.json"
    text = path.read_text()
    if how == "cut":
        path.write_text(text[: len(text) // 2])
    elif how == "altered":
        path.write_text(json.dumps({**json.loads(text), "score": 1.0}, indent=1) + "\n")
    elif how == "empty":
        path.write_text("")
    else:
        path.write_text((second / "primary" / "result.json").read_text())
    (problem,) = damaged_results(folder)
    assert problem.startswith(f"the result in {first / 'primary'} cannot be used")
    assert "Remove that folder and run the study again" in problem
    for file in (first / "primary").iterdir():
        file.unlink()
    assert worker(folder).perform(folder.jobs[0]) == DONE
    assert path.read_text() != "", "evaluated again, from the weights"
    assert list(damaged_results(folder)) == []
