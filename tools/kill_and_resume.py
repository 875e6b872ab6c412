"""Kill long work at random moments, resume it, and compare its end with an uninterrupted run.

Each kind of work runs once without interruption. Then it runs again in a folder of its own, is
killed by SIGKILL up to three times, each time at a random moment, and runs to its end. What both
leave must be equal to the last bit, except for what says how long they took. ``python
tools/kill_and_resume.py`` prints a table and exits with 1 if anything differs. It forks processes
and needs a POSIX system.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ANT, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"
MOST_KILLS = 3
LIMIT = 600.0
"""Seconds after which work that does not end counts as hung."""
STATED_TIME = ("seconds", "cpu_seconds", "seal")
"""Fields of JSON that depend on how long the work took."""
IMITATOR = {
    "context_timesteps": "3",
    "encoder.hidden": "16",
    "encoder.pooled": "8",
    "encoder.embedding": "4",
    "validate_every": "5",
}
CLONING = {
    **IMITATOR,
    "total_updates": "40",
    "updates_per_iteration": "4",
    "tasks_per_batch": "3",
    "states_per_task": "8",
    "hidden": "16,16",
}
SMILE = {
    **IMITATOR,
    "iterations": "10",
    "env_steps_per_iteration": "10",
    "updates_per_iteration": "4",
    "tasks_per_batch": "3",
    "transitions_per_task": "4",
    "sac.hidden": "16,16",
}


def train(name: str, family: str, changes: dict[str, str]) -> Callable[[Path], None]:
    """The training of an agent with small settings."""

    def work(folder: Path) -> None:
        from smile_bench.baselines import train_agent
        from smile_bench.settings import replaced

        train_agent(name, family, folder, configure=lambda config: replaced(config, changes))

    return work


def train_expert(folder: Path) -> None:
    """The training of an expert by PPO with small settings."""
    from smile_bench.experts.policy import write_expert
    from smile_bench.experts.training.ppo import PPO
    from smile_bench.experts.training.presets import KINDS
    from smile_bench.learning.loop import Alone, run

    preset: Any = KINDS["base"].presets["SmileWalkerDynamics-v0"]
    small = replace(preset, iterations=8, rollouts=1, envs=4, horizon=20, hidden=16, minibatches=2)
    training = PPO([small])
    run(Alone(training), folder)
    write_expert(folder / "expert.safetensors", training.expert(0, {"seconds": 0}))


def build_dataset(folder: Path) -> None:
    """The build of a dataset."""
    from smile_bench.datasets import build

    build.BLOCK_EPISODES = 4
    config = build.BuildConfig(family=ANT, demonstrations=1, subsample=20)
    build.build_dataset(config, folder / "dataset.h5")


def build_leaderboard(folder: Path) -> None:
    """The build of a leaderboard of three entries on the grid, each of which is replayed."""
    from smile_bench.leaderboard.build import build_leaderboard
    from smile_bench.leaderboard.checks.verification import Verifier

    verifier = Verifier(cache=folder / "cache")
    build_leaderboard(ENTRIES, folder / "site", verifier, evidence_base="https://example.org")


def evaluate(folder: Path) -> None:
    """Evaluations that write their results one after the other."""
    from smile_bench import evaluate, load_agent

    agent = load_agent("retrieve-and-play", GRID)
    for shots in (None, 1, 2, 4):
        evaluate(agent, GRID, shots=shots).save(folder / f"{shots}")


ENTRIES = Path()
"""The folder of entries that :func:`build_leaderboard` reads; :func:`main` sets it."""
KINDS: dict[str, Callable[[Path], None]] = {
    "train smile": train("smile", ANT, SMILE),
    "train smile-state-only": train("smile-state-only", ANT, SMILE),
    "train meta-bc": train("meta-bc", ANT, CLONING),
    "train meta-dagger": train("meta-dagger", ANT, {**CLONING, "warm_up_iterations": "2"}),
    "train an expert": train_expert,
    "build a dataset": build_dataset,
    "build a leaderboard": build_leaderboard,
    "evaluate": evaluate,
}


def write_entries(root: Path) -> None:
    """Entries with the released results on the grid alone."""
    for name in ("expert", "retrieve-and-play", "meta-bc"):
        source = Path(__file__).parents[1] / "leaderboard" / "entries" / name
        shutil.copytree(source / GRID, root / name / GRID)
        card = json.loads((source / "entry.json").read_text(encoding="utf-8"))
        card["families"] = [GRID]
        if isinstance(card["demonstrations"], dict):
            card["demonstrations"] = {GRID: card["demonstrations"][GRID]}
        (root / name / "entry.json").write_text(json.dumps(card), encoding="utf-8")


def attempt(work: Callable[[Path], None], folder: Path, seconds: float) -> bool:
    """Do work in a fork, and kill that after some seconds.

    Returns:
        Whether the work came to its end.

    Raises:
        RuntimeError: it failed by itself.
    """
    log = folder.with_suffix(".log")
    child = os.fork()
    if child == 0:
        _be_the_child(work, folder, log)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended and status:
            raise RuntimeError(log.read_text(encoding="utf-8")[-1500:])
        if ended:
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _be_the_child(work: Callable[[Path], None], folder: Path, log: Path) -> None:
    status = 1
    try:
        with log.open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        folder.mkdir(exist_ok=True)
        work(folder)
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def left(folder: Path) -> dict[str, str]:
    """What work left: digests of its files, without what says how long it took."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(timeless(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tensorboard" not in path.parts
    }


def timeless(path: Path) -> bytes:
    """A file's content without what says how long work took."""
    content = path.read_bytes()
    if path.suffix == ".json":
        return json.dumps(_without_time(json.loads(content))).encode()
    if path.name == "progress.csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        return json.dumps(
            [{n: v for n, v in row.items() if n != "seconds"} for row in rows]
        ).encode()
    if path.suffix == ".safetensors":
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        stated = {name: _parsed(text) for name, text in header.pop("__metadata__", {}).items()}
        return json.dumps([header, _without_time(stated)]).encode() + content[end:]
    return content


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _without_time(value: Any) -> Any:
    """JSON without the fields that depend on time, those in the tree of a checkpoint included."""
    if isinstance(value, dict):
        ignored = (*STATED_TIME, *(["sha256"] if "tree" in value else []))
        return {n: _without_time(v) for n, v in value.items() if n not in ignored}
    if isinstance(value, list):
        return [_without_time(v) for v in value if not _is_time(v)]
    return value


def _is_time(item: Any) -> bool:
    """Whether an item of a list is a name and a value, of which the name is one of time."""
    return isinstance(item, list) and len(item) == 2 and item[0] in STATED_TIME[:2]


def kill_and_resume(
    name: str, runs: int, root: Path, rng: np.random.Generator
) -> tuple[int, int, list[str]]:
    """Kill and resume one kind of work.

    Returns:
        How often it was killed; how many runs ended equal; what was wrong with the others.
    """
    work, whole = KINDS[name], root / "whole"
    began = time.monotonic()
    if not attempt(work, whole, LIMIT):
        raise RuntimeError(f"{name} did not end within {LIMIT:g} s")
    duration, expected = time.monotonic() - began, left(whole)
    kills, equal, wrong = 0, 0, list[str]()
    for number in range(runs):
        folder = root / f"run-{number}"
        killed = _killed(work, folder, duration, rng)
        kills += killed
        try:
            ended = attempt(work, folder, LIMIT)
        except RuntimeError as error:
            wrong.append(f"{name}, run {number}, {killed} kills: {error}")
            continue
        found = left(folder)
        names = sorted(n for n in {*expected, *found} if expected.get(n) != found.get(n))
        if ended and not names:
            equal += 1
        else:
            what = f"{', '.join(names)} differ" if ended else f"did not end within {LIMIT:g} s"
            wrong.append(f"{name}, run {number}, {killed} kills: {what}")
        shutil.rmtree(folder)
    return kills, equal, wrong


def _killed(
    work: Callable[[Path], None], folder: Path, duration: float, rng: np.random.Generator
) -> int:
    """Begin work and kill it at random moments; return how often that was, at least once.

    Args:
        work: what is done.
        folder: where.
        duration: about how long it takes; halved until a kill comes before the end.
        rng: source of the moments.
    """
    wanted, killed = int(rng.integers(1, MOST_KILLS + 1)), 0
    while not killed:
        shutil.rmtree(folder, ignore_errors=True)
        for _ in range(wanted):
            if attempt(work, folder, float(rng.uniform(0.0, duration))):
                break
            killed += 1
        duration /= 2
    return killed


def prepare() -> None:
    """Import what the forks need, so that none has to, and let trainings save often."""
    import torch

    import smile_bench.baselines.meta_bc.training
    import smile_bench.baselines.meta_dagger.training
    import smile_bench.baselines.smile.training  # noqa: F401
    from smile_bench.learning import loop

    torch.set_num_threads(1)
    assert loop.run.__kwdefaults__ is not None
    loop.run.__kwdefaults__["checkpoint_seconds"] = 0.05


def main() -> int:
    """Kill and resume every kind of work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8, help="killed and resumed runs of each kind")
    parser.add_argument("--kind", choices=list(KINDS), help="only this one")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    prepare()
    problems = 0
    print(f"{'kind':24}{'runs':>6}{'kills':>7}{'resumed to equal bits':>23}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        global ENTRIES
        ENTRIES = Path(name) / "entries"
        write_entries(ENTRIES)
        for number, kind in enumerate([arguments.kind] if arguments.kind else KINDS):
            root = Path(name) / str(number)
            root.mkdir()
            rng = np.random.default_rng([arguments.seed, number])
            kills, equal, wrong = kill_and_resume(kind, arguments.runs, root, rng)
            print(f"{kind:24}{arguments.runs:6}{kills:7}{equal:23}", flush=True)
            print("".join(f"  {line}\n" for line in wrong), end="", flush=True)
            problems += len(wrong)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
