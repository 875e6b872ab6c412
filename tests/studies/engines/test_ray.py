"""Ray: a local cluster of two workers, one of which is killed in the middle of a job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smile_bench.studies.claims import last_holder
from smile_bench.studies.engines.processes import run_processes
from smile_bench.studies.folder import DONE, FAILED
from smile_bench.studies.work import WorkerOptions
from tests.helpers.studies import opened, saving_often
from tools.kill_study import OFTEN, left

pytest.importorskip("torch")
pytest.importorskip("ray", reason="the engine needs Ray: pip install '.[ray]'")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
LIMIT = 300.0
TEXT = saving_often("0-3")


def test_a_killed_ray_worker_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    Path("saves_often.py").write_text(OFTEN)
    Path("small.toml").write_text(TEXT)
    whole = opened(tmp_path / "whole", TEXT)
    assert run_processes(whole, WorkerOptions(), 2).count(DONE) == 4

    command = [sys.executable, "-m", "smile_bench", "study", "run", "small.toml"]
    command += ["--folder", "killed", "--engine", "ray", "--workers", "2"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    killed = opened(tmp_path / "killed", TEXT)
    until, victims = time.monotonic() + LIMIT, list[int]()
    while not victims and run.poll() is None:
        assert time.monotonic() < until, "no job begins"
        for job in killed.jobs:
            holder = last_holder(killed.of(job))
            begun = (killed.of(job) / f"seed-{job.seeds[0]}" / "checkpoint.safetensors").exists()
            if holder is not None and begun and not killed.done(job):
                victims.append(holder.pid)
        time.sleep(0.01)
    assert victims, "it ended before it could be killed"
    os.kill(victims[0], signal.SIGKILL)
    said, _ = run.communicate(timeout=LIMIT)
    # Before that, Ray itself says that a worker has died.
    assert (run.returncode, said.splitlines()[-1]) == (0, "small in killed: 4 done")
    assert left(killed.path) == left(whole.path)
    assert len(left(whole.path)) == 4 * 5


def test_what_is_wrong_on_ray_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    monkeypatch.syspath_prepend(str(tmp_path))
    # Of two jobs one fails, one kills its workers.
    Path("saves_often.py").write_text(
        "import os, signal\n"
        "from smile_bench.baselines.plan import Plan\n"
        "def act(plan, *given):\n"
        "    if plan.seeds == (0,):\n"
        "        raise RuntimeError('boom')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Plan._train = act\n"
    )
    from smile_bench.studies.engines import ray

    monkeypatch.setattr(ray, "DEATHS", 2)
    folder = opened(tmp_path / "study", TEXT.replace("0-3", "0-1"))
    status = ray.run_ray(folder, WorkerOptions(), 2)
    assert [one.state for one in status.jobs] == [FAILED, FAILED]
    assert status.jobs[0].failure == "RuntimeError: boom"
    assert status.jobs[1].failure.startswith("2 workers died at it, the last one with: ")
