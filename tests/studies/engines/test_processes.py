"""Worker processes: they are replaced when they die, and end with their run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smile_bench.errors import StudyError
from smile_bench.studies.claims import last_holder
from smile_bench.studies.engines import processes
from smile_bench.studies.engines.processes import run_processes
from smile_bench.studies.folder import DONE, FAILED, StudyFolder
from smile_bench.studies.work import WorkerOptions
from tests.helpers.studies import GRID, opened
from tools import kill_study

pytest.importorskip("torch")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
LIMIT = 300.0
"""Seconds after which something that does not happen will not happen."""
LONG = f"""
name = "long"
import = "study_module_of_a_test"
[[cells]]
families = ["{GRID}"]
agents = ["tabular-smile"]
settings = {{ iterations = 1000000 }}
seeds = "0-1"
"""
SHORT = LONG.replace("1000000", "3")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose module the studies import, with what it does in workers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delitem(sys.modules, "study_module_of_a_test", raising=False)
    behave(tmp_path, "")
    return tmp_path


def behave(place: Path, code: str) -> None:
    """Let workers, and them alone, run code when they import the study's module."""
    lines = "".join(f"    {line}\n" for line in code.splitlines() or ["pass"])
    text = f'import os, signal, sys\nif "work" in sys.argv:\n{lines}'
    (place / "study_module_of_a_test.py").write_text(text)


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.02)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "smile_bench", "study", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def holders(folder: StudyFolder) -> list[int]:
    """Processes that hold a job and have begun to train it."""
    found = [(folder.of(job), last_holder(folder.of(job))) for job in folder.jobs]
    return [
        holder.pid
        for where, holder in found
        if holder is not None and holder.lives() and any(where.glob("seed-*/tensorboard/*"))
    ]


def test_killed_workers_and_runs_leave_what_a_whole_run_leaves(tmp_path: Path) -> None:
    report = kill_study.compare(tmp_path, 8, 12, np.random.default_rng(1), pause=1.0)
    assert report.problems == []
    assert report.kills.total() == 12
    assert report.compared == 8 * 5


def test_a_job_at_which_workers_keep_dying_has_failed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "DEATHS", 2)
    behave(
        place,
        "from smile_bench.baselines.plan import Plan\n"
        "train = Plan._train\n"
        "def act(plan, *given):\n"
        "    if plan.seeds == (0,):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return train(plan, *given)\n"
        "Plan._train = act",
    )
    folder = opened(place / "study", SHORT)
    status = run_processes(folder, WorkerOptions(), 2)
    assert [one.state for one in status.jobs] == [FAILED, DONE]
    assert status.jobs[0].failure == (
        "2 workers died at it without getting further, the last one with signal 9 (out of memory?)"
    )


def test_workers_that_cannot_even_start_end_the_run(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "CRASHES", 2)
    behave(place, "print('cannot begin', flush=True)\nos._exit(3)")
    folder = opened(place / "study", SHORT)
    with pytest.raises(StudyError, match=r"2 workers in a row .* with status 3: cannot begin"):
        run_processes(folder, WorkerOptions(), 1)


def test_a_full_disk_ends_the_run(place: Path) -> None:
    behave(
        place,
        "from smile_bench.baselines.plan import Plan\n"
        "def act(plan, *given):\n"
        "    raise OSError(28, 'No space left on device')\n"
        "Plan._train = act",
    )
    folder = opened(place / "study", SHORT)
    with pytest.raises(StudyError, match=r"the disk of .* is full") as caught:
        run_processes(folder, WorkerOptions(), 1)
    assert "\n" not in str(caught.value)
    assert [folder.failure(job) for job in folder.jobs] == [None, None]


def test_a_run_follows_the_study_as_another_run_has_changed_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = opened(place / "study", SHORT)
    opened(folder.path, SHORT.replace("0-1", "5"))
    status = run_processes(folder, WorkerOptions(), 1)
    assert [(one.job.seeds, one.state) for one in status.jobs] == [((5,), DONE)]


@pytest.mark.parametrize("again", [False, True])
def test_ctrl_c_ends_a_run_and_its_workers(place: Path, again: bool) -> None:
    folder = opened(place / "study", LONG)
    run = start("run", folder.path, "--workers", "2")
    wait_for(lambda: len(holders(folder)) == 2)
    workers = holders(folder)
    run.send_signal(signal.SIGINT)
    if again:
        run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=LIMIT)
    assert run.returncode in ((130, -signal.SIGINT) if again else (130,))
    if not again:
        assert said == "smile-bench: interrupted; what was finished is kept\n"
    wait_for(lambda: not any(map(running, workers)))
    assert [folder.failure(job) for job in folder.jobs] == [None, None]


def test_workers_end_with_their_run(place: Path) -> None:
    folder = opened(place / "study", LONG)
    run = start("run", folder.path, "--workers", "2")
    wait_for(lambda: len(holders(folder)) == 2)
    workers = holders(folder)
    run.kill()
    run.communicate()
    wait_for(lambda: not any(map(running, workers)))
    assert [last_holder(folder.of(job)) for job in folder.jobs] == [None, None], "orderly"


def test_two_runs_share_a_folder(place: Path) -> None:
    (place / "short.toml").write_text(SHORT.replace("0-1", "0-3"))
    behave(
        place,
        "from smile_bench.baselines.plan import Plan\n"
        "train = Plan._train\n"
        "def act(plan, *given):\n"
        "    os.open(f'trained-{plan.seeds[0]}', os.O_CREAT | os.O_EXCL)\n"
        "    return train(plan, *given)\n"
        "Plan._train = act",
    )
    runs = [start("run", "short.toml", "--workers", "1") for _ in range(2)]
    for run in runs:
        said, wrong = run.communicate(timeout=LIMIT)
        assert (run.returncode, wrong) == (0, "")
        assert said == f"long in {Path('runs/studies/long')}: 4 done\n"
    assert len(list(place.glob("trained-*"))) == 4


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
