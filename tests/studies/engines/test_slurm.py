"""Slurm through submitit, by its local and debug executors."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smile_bench.errors import InputError, StudyError, UnknownNameError
from smile_bench.studies.claims import last_holder
from smile_bench.studies.engines import slurm
from smile_bench.studies.engines.processes import run_processes
from smile_bench.studies.engines.slurm import SubmittedTask, parse_parameters, run_submitit
from smile_bench.studies.engines.task import Task
from smile_bench.studies.folder import DONE, FAILED, PENDING
from smile_bench.studies.work import WorkerOptions
from tests.helpers.studies import opened, saving_often
from tools.kill_study import OFTEN, left

submitit = pytest.importorskip("submitit", reason="the engine needs submitit: '.[slurm]'")
pytest.importorskip("torch")
ROOT = Path(__file__).parents[3]
LIMIT = 300.0
TEXT = saving_often("0-1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    Path("saves_often.py").write_text(OFTEN)
    return tmp_path


def test_parameters_are_names_and_values() -> None:
    given = parse_parameters(["partition=dev", "time=60", "mem=4GB", "comment=a=b"])
    assert given == {"partition": "dev", "time": 60, "mem": "4GB", "comment": "a=b"}
    for wrong in ("partition", "=3", "time=", "a b=3"):
        with pytest.raises(InputError, match="takes KEY=VALUE"):
            parse_parameters([wrong])
    with pytest.raises(InputError, match="gives time twice"):
        parse_parameters(["time=1", "time=2"])


@pytest.mark.parametrize(
    ("cluster", "parameters", "problem"),
    [
        ("slrm", {}, "Did you mean 'slurm'?"),
        ("local", {"partion": "dev"}, "Unknown argument 'partion'"),
        ("local", {"timeout_min": "long"}, 'Parameter "timeout_min" expected type'),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    place: Path, cluster: str, parameters: dict[str, Any], problem: str
) -> None:
    folder = opened(place / "study", TEXT)
    with pytest.raises((InputError, UnknownNameError)) as caught:
        run_submitit(folder, WorkerOptions(), cluster=cluster, parameters=parameters, workers=1)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_machine_without_slurm_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(StudyError, match=r"no Slurm here .* give --cluster local"):
        run_submitit(opened(place / "study", TEXT), WorkerOptions(), workers=1)


def test_a_preempted_task_is_queued_again() -> None:
    task = SubmittedTask(directory="/", folder="/study", job="1", options=WorkerOptions())
    again = task.checkpoint()
    assert again.function == task
    assert not again.args
    assert isinstance(task, Task)


class Executor:
    """Stands in for Slurm: keeps what it gets."""

    def __init__(self, *_: object) -> None:
        self.parameters: dict[str, Any] = {}
        self.arrays: list[list[Any]] = []

    def update_parameters(self, **parameters: Any) -> None:
        self.parameters = parameters

    def batch(self) -> Executor:
        self.arrays.append([])
        return self

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def submit(self, task: Any) -> Any:
        self.arrays[-1].append(task)
        number = sum(map(len, self.arrays))
        return type("Submitted", (), {"job_id": f"7_{number}"})()


def test_slurm_gets_arrays(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Executor()
    monkeypatch.setattr(submitit, "AutoExecutor", lambda *given, **how: made)
    monkeypatch.setattr(slurm, "ARRAY", 2)
    folder = opened(place / "study", TEXT.replace("0-1", "0-4"))
    folder.fail(folder.jobs[0], "no luck")
    options = replace(WorkerOptions(), device="cuda")
    status = run_submitit(
        folder, options, parameters={"partition": "dev", "time": 60, "mem_gb": 4}, workers=3
    )
    assert (status.count(PENDING), status.count(FAILED)) == (4, 1)
    assert [len(array) for array in made.arrays] == [2, 2]
    first = made.arrays[0][0]
    assert (first.job, first.folder) == (folder.jobs[1].id, str(folder.path))
    assert made.parameters == {
        "name": "study-small",
        "timeout_min": 1440,
        "cpus_per_task": 1,
        "gpus_per_node": 1,
        "slurm_array_parallelism": 3,
        "slurm_partition": "dev",
        "slurm_time": 60,
        "mem_gb": 4,
    }
    assert "submitted 4 jobs to Slurm, 7_1 to 7_4; `smile-bench study" in capsys.readouterr().out


def test_the_debug_cluster_runs_here(place: Path) -> None:
    folder = opened(place / "study", TEXT.replace("150", "3"))
    status = run_submitit(folder, WorkerOptions(), cluster="debug", workers=1)
    assert [one.state for one in status.jobs] == [DONE, DONE]


@pytest.mark.slow
def test_a_preempted_job_continues(place: Path) -> None:
    whole = opened(place / "whole", TEXT)
    assert run_processes(whole, WorkerOptions(), 2).count(DONE) == 2
    folder = opened(place / "cut", TEXT)
    where = folder.of(folder.jobs[0]) / "seed-0"

    def preempt() -> None:
        until = time.monotonic() + LIMIT
        while not (where / "checkpoint.safetensors").exists() and time.monotonic() < until:
            time.sleep(0.01)
        holder = last_holder(folder.of(folder.jobs[0]))
        if holder is not None:
            os.kill(holder.pid, signal.SIGUSR2)  # As Slurm does before it takes a node away.
            cut.append(holder.pid)

    cut: list[int] = []
    watcher = threading.Thread(target=preempt)
    watcher.start()
    status = run_submitit(folder, WorkerOptions(), cluster="local", workers=2)
    watcher.join()
    assert [one.state for one in status.jobs] == [DONE, DONE]
    assert cut
    logs = "".join(p.read_text() for p in (folder.path / "logs" / "submitit").glob("*_log.*"))
    assert "Requeued job" in logs
    assert left(folder.path) == left(whole.path)
