"""What an update of the learner spends its time on, by kind of operation.

    python -m tools.learner_profile                          # smile on ant goal, one core
    python -m tools.learner_profile --trainings 1 4 32
    python -m tools.learner_profile --device cuda --trainings 32

Operations are those of PyTorch's profiler, by the time that they take themselves. The profiler
slows small operations down, so that the shares of everything but products are upper limits.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tools.learner_speed import VARIANTS, make_learner

UPDATES = 40
KINDS = {
    "products": ("mm", "linear", "conv"),
    "optimizer": ("adam",),
    "random numbers": ("normal_", "uniform_", "random_", "randint", "rand", "topk"),
    "rows of the replay": ("index", "gather"),
    "copies and joins": ("copy_", "cat", "clone", "contiguous", "stack"),
    "sums and norms": ("sum", "mean", "norm", "std", "var"),
}
"""Kinds by parts of the operations' names; the first that fits counts, all else is element-wise."""


def kind_of(name: str) -> str:
    """The kind of an operation."""
    space, _, short = name.lower().rpartition("::")
    if not space:
        return "automatic differentiation and calls"
    for kind, parts in KINDS.items():
        if any(part in short for part in parts):
            return kind
    return "element-wise"


def profile(trainings: int, options: argparse.Namespace) -> dict[str, float]:
    """Share of an update's time by kind of operation."""
    import torch
    from torch.profiler import ProfilerActivity

    torch.set_num_threads(1)
    update, wait = make_learner(
        options.variant, trainings, options.agent, options.family, options.device
    )
    update(UPDATES)
    wait()
    activities = [ProfilerActivity.CPU]
    if options.device != "cpu":
        activities.append(ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as found:
        update(UPDATES)
        wait()
    seconds: dict[str, float] = defaultdict(float)
    for event in found.key_averages():
        seconds[kind_of(event.key)] += _own(event, options.device)
    whole = sum(seconds.values())
    return {kind: taken / whole for kind, taken in seconds.items()}


def _own(event: Any, device: str) -> float:
    """Seconds that an operation took itself."""
    if device == "cpu":
        return float(event.self_cpu_time_total) / 1e6
    return float(event.self_device_time_total) / 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: a row a kind, a column a number of trainings at once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--agent", default="smile")
    parser.add_argument("--family", default="SmileAntGoal-v0")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--variant", default="eager", choices=VARIANTS)
    parser.add_argument("--trainings", type=int, nargs="+", default=[1, 4])
    options = parser.parse_args(arguments)
    columns = [profile(number, options) for number in options.trainings]
    kinds = sorted(columns[0], key=columns[0].__getitem__, reverse=True)
    print(f"{'':26s}" + "".join(f"{f'M = {m}':>9s}" for m in options.trainings))
    for kind in kinds:
        print(f"{kind:26s}" + "".join(f"{column.get(kind, 0.0):9.0%}" for column in columns))


if __name__ == "__main__":
    main()
