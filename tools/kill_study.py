"""Kill the workers and the runner of a study at random moments, and compare its end.

A study of many short jobs runs once without interruption. Then it runs again in a folder of its
own, while its workers and, at times, ``study run`` itself are killed by SIGKILL; that is started
again each time. A last run brings it to its end. What both leave must be equal: every result, its
evidence, weights and logs, except for what says how long something took. In the end the finished
study is run once more, which has nothing to do. ``python tools/kill_study.py`` prints a table and
exits with 1 if anything differs. It needs Linux.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.kill_and_resume import timeless  # noqa: E402

OFTEN = """from smile_bench.baselines.plan import Plan

train = Plan._train


def saving_often(self, *arguments):
    from smile_bench.learning.loop import running

    running.run_all.__kwdefaults__["checkpoint_seconds"] = 0.05
    return train(self, *arguments)


Plan._train = saving_often
"""
"""A module that the study imports: its trainings save often, so that kills cut them in two."""
CELLS = """
[[cells]]
families = ["SmileGridGoal-v0"]
agents = ["tabular-smile"]
conditions = ["canonical", "4 demonstrations", "8 tasks", "2 demonstrations, 16 tasks"]
settings = [{{ iterations = {iterations} }}, {{ iterations = {iterations}, hidden = 16 }}]
seeds = "0-{last}"
"""
PER_SEED = 8
"""Cells of the study."""
RUNNER = 0.1
"""Share of kills that hit ``study run`` itself."""
COMPARED = ("result.json", "evidence.h5", "progress.csv", ".safetensors")
LIMIT = 3600.0
"""Seconds after which a run that does not end counts as hung."""


@dataclass
class Report:
    """What a comparison has found."""

    jobs: int
    kills: Counter[str] = field(default_factory=Counter)
    """By what was killed, and what it did."""
    compared: int = 0
    """Files."""
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Of the uninterrupted run, the killed one, and the one with nothing to do."""


def compare(
    root: Path,
    jobs: int,
    kills: int,
    rng: np.random.Generator,
    *,
    iterations: int = 60,
    pause: float = 1.6,
) -> Report:
    """Run a study in peace and under kills.

    Args:
        root: an empty folder to work in.
        jobs: how many, a multiple of 8.
        kills: how many.
        rng: source of moments and victims.
        iterations: of each training.
        pause: mean seconds between two kills.

    Raises:
        RuntimeError: a run failed, or the study ended before it was killed often enough.
    """
    (root / "saves_often.py").write_text(OFTEN, encoding="utf-8")
    cells = CELLS.format(iterations=iterations, last=jobs // PER_SEED - 1)
    text = f'name = "killed"\nimport = "saves_often"\n{cells}'
    (root / "killed.toml").write_text(text, encoding="utf-8")
    report = Report(jobs=jobs)
    report.seconds["uninterrupted"] = _finish(root, "whole")
    began = time.monotonic()
    report.kills = _run_under_kills(root, kills, rng, pause)
    _finish(root, "killed")
    report.seconds["under kills, with the last run"] = time.monotonic() - began
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    report.seconds["once more, with nothing to do"] = _finish(root, "killed")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    report.seconds["of the processor for that"] = used
    whole, killed = left(root / "whole"), left(root / "killed")
    results = [name for name in whole if name.endswith("result.json")]
    report.compared = len(whole)
    report.problems = [
        f"{name} {'differs' if name in whole and name in killed else 'is in one folder only'}"
        for name in sorted({*whole, *killed})
        if whole.get(name) != killed.get(name)
    ]
    if len(results) != jobs:
        report.problems.append(f"the uninterrupted run left {len(results)} results")
    return report


def left(folder: Path) -> dict[str, str]:
    """Digests of what a study's trainings left, without what says how long something took."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(timeless(path)).hexdigest()
        for path in sorted(folder.glob("*/*/*/seeds-*/**/*"))
        if path.name.endswith(COMPARED)
    }


def _start(root: Path, folder: str) -> subprocess.Popen[bytes]:
    with (root / f"{folder}.log").open("ab") as log:
        command = f"-m smile_bench study run killed.toml --folder {folder} --workers 2"
        return subprocess.Popen(
            [sys.executable, *command.split()],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _finish(root: Path, folder: str) -> float:
    """Run the study to its end; return the seconds that this took.

    Raises:
        RuntimeError: a job has failed.
    """
    began = time.monotonic()
    if _start(root, folder).wait(LIMIT):
        raise RuntimeError((root / f"{folder}.log").read_text(encoding="utf-8")[-2000:])
    return time.monotonic() - began


def _run_under_kills(
    root: Path, kills: int, rng: np.random.Generator, pause: float
) -> Counter[str]:
    """Run the study, killing what works on it; return how often what was killed."""
    found: Counter[str] = Counter()
    runner = _start(root, "killed")
    while found.total() < kills:
        time.sleep(float(rng.uniform(0.0, 2.0 * pause)))
        workers = _children(runner.pid)
        if runner.poll() is not None:
            raise RuntimeError(
                f"the study ended after {found.total()} kills, with status {runner.returncode}; "
                f"take more jobs or iterations. {root / 'killed.log'} has what it said"
            )
        if rng.uniform() < RUNNER:
            os.kill(runner.pid, signal.SIGKILL)
            runner.wait()
            found["study run"] += 1
            runner = _start(root, "killed")
            continue
        if not workers:
            continue
        victim = int(rng.choice(workers))
        doing = _doing(root / "killed", victim)
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            found[f"worker, {doing}"] += 1
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    return found


def _children(pid: int) -> list[int]:
    """The living child processes of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # It has just ended.
            state, parent = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(stat.parent.name))
    return sorted(found)


def _doing(folder: Path, pid: int) -> str:
    """What a worker does."""
    for claim in folder.glob("*/*/*/seeds-*/claim-*"):
        with suppress(OSError, ValueError, KeyError):  # It has just been removed, or is not whole.
            if json.loads(claim.read_bytes())["pid"] == pid:
                weights = any(claim.parent.glob("seed-*/SmileGridGoal-v0.safetensors"))
                begun = any(claim.parent.glob("seed-*/checkpoint.safetensors"))
                return "evaluating" if weights else "training" if begun else "preparing a training"
    return "without a job yet"


def main() -> int:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="of the study, a multiple of 8")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--iterations", type=int, default=60, help="of each training")
    parser.add_argument("--pause", type=float, default=1.6, help="mean seconds between kills")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and victims")
    arguments = parser.parse_args()
    if arguments.jobs < PER_SEED or arguments.jobs % PER_SEED:
        parser.error(f"--jobs is {arguments.jobs}; give a multiple of {PER_SEED}")
    with tempfile.TemporaryDirectory() as name:
        report = compare(
            Path(name),
            arguments.jobs,
            arguments.kills,
            np.random.default_rng(arguments.seed),
            iterations=arguments.iterations,
            pause=arguments.pause,
        )
    rows = [("jobs", report.jobs), ("kills", report.kills.total())]
    rows += [(f"  {what}", number) for what, number in sorted(report.kills.items())]
    rows += [("files compared", report.compared), ("files that differ", len(report.problems))]
    for what, value in rows:
        print(f"{what:42}{value:8}")
    for what, seconds in report.seconds.items():
        print(f"{f'seconds {what}':42}{seconds:8.1f}")
    print("".join(f"  {problem}\n" for problem in report.problems), end="")
    return bool(report.problems)


if __name__ == "__main__":
    sys.exit(main())
