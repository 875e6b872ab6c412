"""Whether a seed learns as much among others as alone.

    python -m tools.alone_and_together --set total_updates=2000
    python -m tools.alone_and_together --family SmileAntGoal-v0 --set total_updates=2000

Every seed is trained alone, and then all of them as one computation. Where sums are taken in
another order there, the weights differ after many updates, and the scores should have the same
distribution. The table has the validation metric and the meta-test score of each training, the
largest difference between a seed's weights, means with standard errors, and the mean difference
between a seed's two scores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike

from smile_bench.access import Access
from smile_bench.agents import PrivilegedAgent
from smile_bench.baselines import ComputeOptions, train_agent
from smile_bench.baselines.registry import get_agent
from smile_bench.errors import AgentError
from smile_bench.io.tensors import read_tensors
from smile_bench.protocol import evaluate
from smile_bench.seeds import parse_seeds
from smile_bench.settings import replaced

Scores = dict[str, float]
"""Of one training, by name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every seed alone and among the others, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--agent", default="meta-bc")
    parser.add_argument("--family", default="SmileGridGoal-v0")
    parser.add_argument("--seeds", default="0-7")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--episodes", type=int, default=8, help="of each validation task")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16"])
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    seeds = parse_seeds(options.seeds)
    with tempfile.TemporaryDirectory() as folder:
        alone, together = _train(options, seeds, Path(folder))
        differences = [_difference(*paths) for paths in zip(alone, together, strict=True)]
        scored = [[_scores(path, options) for path in paths] for paths in (alone, together)]
    _show(seeds, scored[0], scored[1], differences)


def _train(
    options: argparse.Namespace, seeds: Sequence[int], folder: Path
) -> tuple[list[Path], list[Path]]:
    """The weights of each seed, trained alone and among the others."""
    changes = dict(change.split("=", 1) for change in options.set)

    def train(directory: Path, seeds: Sequence[int]) -> list[Path]:
        trained = train_agent(
            options.agent,
            options.family,
            directory,
            seeds=seeds,
            compute=ComputeOptions(precision=options.precision),
            configure=lambda config: replaced(config, changes),
        )
        if trained.diverged:
            raise SystemExit(f"trainings diverged: {trained.diverged}")
        return [trained.paths[seed] for seed in seeds]

    alone = [train(folder / f"{seed}", [seed])[0] for seed in seeds]
    return alone, train(folder / "all", seeds)


def _difference(one: Path, other: Path) -> float:
    """The largest difference between the weights of two files."""
    files = [read_tensors(path, "weights", AgentError).tensors for path in (one, other)]
    return max(float(np.abs(value - files[1][name]).max()) for name, value in files[0].items())


def _scores(path: Path, options: argparse.Namespace) -> Scores:
    agent = get_agent(options.agent).read_weights(path, options.family)
    assert not isinstance(agent, PrivilegedAgent)
    metrics = Access(options.family).validate(agent, episodes=options.episodes)
    return {**metrics, "test score": evaluate(agent, options.family, threads=1).score}


def _show(
    seeds: Sequence[int],
    alone: Sequence[Scores],
    together: Sequence[Scores],
    differences: Sequence[float],
) -> None:
    names = list(alone[0])
    columns = [[scores[n] for scores in own] for n in names for own in (alone, together)]
    heads = "".join(f" {name}, alone | {name}, together |" for name in names)
    print(f"| seed |{heads} difference of weights |")
    print("|---" * (2 + len(columns)) + "|")
    for seed, *row, difference in zip(seeds, *columns, differences, strict=True):
        print(f"| {seed} |" + "".join(f" {value:.4f} |" for value in row) + f" {difference:.1e} |")
    print("| mean ± standard error | " + " | ".join(map(_summary, columns)) + " | |\n")
    for name, first, second in zip(names, columns[::2], columns[1::2], strict=True):
        print(f"{name}, together minus alone: {_summary(np.subtract(second, first))}")


def _summary(values: ArrayLike) -> str:
    values = np.asarray(values)
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.4f} ± {error:.4f}"


if __name__ == "__main__":
    main()
