"""How fast the learner is: updates a second of many trainings at once, beside the former learner.

    python -m tools.learner_speed                                  # on one core of this machine
    python -m tools.learner_speed --variants eager compiled bf16   # what compilation and bf16 give
    python -m tools.learner_speed --device cuda --trainings 1 8 32 64 --former ""
    python -m tools.learner_speed --device cuda --whole 32         # trainings from start to end

Every row is a process of its own, which makes updates when it is asked to. The rows take turns, so
that other work on the machine meets all of them alike; ratios are medians over the rounds. The
former learner is the commit :data:`FORMER`, taken from this repository's history. On a CPU the time
is the processor's, on a GPU that of the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

FORMER = "fcb43c9ab328094eba458c4a5b1f0998ae670bd0"
"""The last commit whose learner trains one agent at a time."""
ROOT = Path(__file__).resolve().parents[1]
UPDATES, ROUNDS, SIDE = 20, 9, 2048
VARIANTS = {
    "eager": {},
    "no-graph": {"graph": False},
    "compiled": {"compile": True},
    "bf16": {"precision": "bf16"},
    "compiled-bf16": {"compile": True, "precision": "bf16"},
}


@dataclass(frozen=True)
class Row:
    """A learner that is measured."""

    tree: Path
    """Where its package lies."""
    variant: str
    """A name of :data:`VARIANTS`, or ``"former"``."""
    trainings: int

    def start(self, options: argparse.Namespace) -> subprocess.Popen[str]:
        """A process that makes updates when it is asked to."""
        command = [sys.executable, str(Path(__file__).resolve()), "--worker"]
        command += [self.variant, str(self.trainings), options.agent, options.family]
        environment = {**os.environ, "PYTHONPATH": str(self.tree), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*command, "--device", options.device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=tempfile.gettempdir(),
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command asks for, and print each row as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--agent", default="smile")
    parser.add_argument("--family", default="SmileAntGoal-v0")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--trainings", type=int, nargs="+", default=[1, 2, 4, 8, 32])
    parser.add_argument("--variants", nargs="+", default=["eager"], choices=VARIANTS)
    parser.add_argument("--former", default=FORMER, help="a commit, or nothing for none")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--whole", type=int, help="train so many agents from start to end instead")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        variant, trainings, agent, family = options.worker
        _serve(variant, int(trainings), agent, family, options.device)
    elif options.whole:
        _train(options)
    else:
        _compare(options)


def _compare(options: argparse.Namespace) -> None:
    rows = [Row(ROOT, variant, m) for variant in options.variants for m in options.trainings]
    with _former_tree(options.former) as tree:
        if tree is not None:
            rows.insert(0, Row(tree, "former", 1))
        print("learner        trainings  updates/s each   in all  GFLOP/s  share of peak  ratio")
        first: list[float] | None = None
        # A few processes at a time, the first one in each group, so that memory suffices.
        for start in range(0, len(rows), 4):
            group = rows[start : start + 4]
            first = _measure(rows[0], group, options, first)


def _measure(
    reference: Row, group: list[Row], options: argparse.Namespace, before: list[float] | None
) -> list[float]:
    """Measure a group of rows and the reference in turn, and print the group."""
    running = group if reference in group else [reference, *group]
    workers = [row.start(options) for row in running]
    facts = [json.loads(_ask(worker, 2 * UPDATES)) for worker in workers]
    seconds: list[list[float]] = [[] for _ in workers]
    for _ in range(options.rounds):
        for taken, worker in zip(seconds, workers, strict=True):
            taken.append(json.loads(_ask(worker, UPDATES))["seconds"] / UPDATES)
    for worker in workers:
        worker.kill()
        worker.wait()
    each = [[s / row.trainings for s in taken] for row, taken in zip(running, seconds, strict=True)]
    for row, fact, taken in zip(running, facts, each, strict=True):
        if row not in group:
            continue
        own = statistics.median(taken)
        ratio = statistics.median(a / b for a, b in zip(each[0], taken, strict=True))
        rate = fact["flops"] / own / 1e9 if fact["flops"] else float("nan")
        share = rate / fact["peak"] if fact["peak"] else float("nan")
        print(
            f"{row.variant:14s} {row.trainings:9d} {1.0 / own / row.trainings:15.1f} "
            f"{1.0 / own:8.1f} {rate:8.1f} {share:14.2f} {ratio:6.2f}",
            flush=True,
        )
    return each[0] if before is None else before


def _ask(worker: subprocess.Popen[str], updates: int) -> str:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{updates}\n")
    worker.stdin.flush()
    answer = worker.stdout.readline()
    if not answer:
        raise SystemExit("a worker has ended; its error stands above.")
    return answer


def _serve(variant: str, trainings: int, agent: str, family: str, device: str) -> None:
    """Make updates for the parent; answer with seconds, operations of an update, and the peak."""
    import torch

    torch.set_num_threads(1)
    update, wait = make_learner(variant, trainings, agent, family, device)
    clock = time.process_time if device == "cpu" else time.perf_counter
    flops, peak = 0.0, 0.0
    for line in sys.stdin:
        number = int(line)
        if not peak:
            update(number)
            peak = _peak(torch.device(device), wait)
            if variant in ("eager", "no-graph"):
                flops = count_flops(partial(update, number)) / number / trainings
        wait()
        began = clock()
        update(number)
        wait()
        answer = {"seconds": clock() - began, "flops": flops, "peak": peak}
        print(json.dumps(answer), flush=True)


def make_learner(
    variant: str, trainings: int, agent: str, family: str, device: str
) -> tuple[Callable[[int], None], Callable[[], None]]:
    """Learners that are ready to update: what makes a number of updates, and what waits for it."""
    import torch

    from smile_bench.access import Access
    from smile_bench.baselines.smile.presets import preset
    from smile_bench.baselines.smile.training import SMILe

    configs = [
        replace(preset(agent, family, seed), validate_every=0, members=1, shared_replay=False)
        for seed in range(trainings)
    ]
    accesses = [Access(family, state_only=config.state_only) for config in configs]
    learners: list[Any]
    if variant == "former":
        pairs = zip(configs, accesses, strict=True)
        learners = [SMILe(config, access, torch.device(device)) for config, access in pairs]  # type: ignore[arg-type]
    else:
        from smile_bench.learning.compute import Compute

        compute = Compute(device=torch.device(device), **VARIANTS[variant])  # type: ignore[arg-type]
        learners = [SMILe(configs, accesses, compute)]
    for learner in learners:
        learner.step()
        learner.step()

    def update(number: int) -> None:
        for learner in learners:
            for _ in range(number):
                learner._update()

    def wait() -> None:
        if device != "cpu":
            torch.cuda.synchronize(device)

    return update, wait


def count_flops(run: Callable[[], object]) -> int:
    """Operations of the matrix products that a call makes, oneDNN's too, counted from shapes."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, mm_flop

    def linear(inputs: Any, weight: Any, *_: Any, **__: Any) -> int:
        return int(mm_flop(inputs, weight[::-1]))

    mapping = {torch.ops.mkldnn._linear_pointwise: linear}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        run()
    return int(counter.get_total_flops())


def _peak(device: Any, wait: Callable[[], None]) -> float:
    """GFLOP/s of a large float32 product on the device, one thread on a CPU."""
    import torch

    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    side = SIDE if device.type != "cpu" else SIDE // 4
    one = torch.rand(1, side, side, device=device)
    best = float("inf")
    for _ in range(5):
        wait()
        began = time.perf_counter()
        if device.type == "cpu" and onednn:
            torch.ops.mkldnn._linear_pointwise(one[0], one[0], None, "none", [], "")
        else:
            torch.bmm(one, one)
        wait()
        best = min(best, time.perf_counter() - began)
    return 2.0 * side**3 / best / 1e9


def _train(options: argparse.Namespace) -> None:
    """Train agents from start to end, collection and validation included; print time and scores."""
    import torch

    from smile_bench import evaluate
    from smile_bench.baselines.imitation.imitator import Imitator
    from smile_bench.baselines.training import train_agent

    if options.device == "cpu":
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        trained = train_agent(
            options.agent,
            options.family,
            Path(folder),
            seeds=range(options.whole),
            device=options.device,
        )
        seconds = time.perf_counter() - began
        print(f"{options.whole} trainings of {options.agent} on {options.family}: {seconds:.0f} s")
        paths = [path for path in trained.paths.values() if path is not None]
        scores = [evaluate(Imitator.load(path), options.family).score for path in paths]
    print(
        f"{len(paths)} ended; meta-test scores {min(scores):.3f} to {max(scores):.3f}, "
        f"median {statistics.median(scores):.3f}",
        flush=True,
    )


@contextmanager
def _former_tree(commit: str) -> Iterator[Path | None]:
    """The package at a commit of this repository, in a folder that goes afterwards."""
    if not commit:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "former.tar"
        made = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "--output", str(archive), commit, "smile_bench"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise SystemExit(
                f"the former learner is commit {commit} of this repository, which git does not "
                f"find ({made.stderr.strip()}). Clone the whole history, or give --former ''."
            )
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        yield Path(folder)


if __name__ == "__main__":
    main()
