"""Training the reference agents by name."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import torch

from smile_bench.baselines.meta_bc import MetaBCConfig, MetaBCTraining
from smile_bench.baselines.tabular_smile import TabularSmileConfig, train_tabular_smile
from smile_bench.baselines.training import run
from smile_bench.datasets import load_dataset
from smile_bench.envs import get_family
from smile_bench.errors import UnknownNameError, suggestion

__all__ = ["TRAININGS", "train_agent"]


def _meta_bc(family: str, seed: int) -> MetaBCTraining:
    return MetaBCTraining(MetaBCConfig.sized(family, seed), load_dataset(family))


TRAININGS: dict[str, Callable[[str, int], MetaBCTraining]] = {"meta-bc": _meta_bc}
"""Agent name to its training for a family and a seed."""


def train_agent(
    name: str, family: str, directory: Path, *, seed: int = 0, stop_after: int | None = None
) -> Path | None:
    """Train a reference agent, or go on with a training, and store its weights.

    Args:
        name: the agent's name.
        family: the family's id.
        directory: where checkpoints, logs and, in the end, the weights go.
        seed: of the training.
        stop_after: stop at this iteration, as an interruption would.

    Returns:
        The path of the weights, or None if the training was stopped before its end.

    Raises:
        UnknownNameError: no such agent or family.
        DatasetError: no dataset of the family ships.
    """
    known = (*TRAININGS, "tabular-smile")
    if name not in known:
        raise UnknownNameError(f"{name!r} can not be trained. {suggestion(name, known)}")
    path = directory / f"{family}.safetensors"
    if name == "tabular-smile":
        # Seconds of work: there is nothing to resume.
        train_tabular_smile(TabularSmileConfig(family=get_family(family).id, seed=seed)).save(path)
        return path
    torch.set_num_threads(1)
    training = TRAININGS[name](get_family(family).id, seed)
    seconds = run(training, directory, stop_after=stop_after)
    if training.iteration < training.iterations:
        return None
    recipe = {
        "command": f"smile-bench train --agent {name} --family {family} --seed {seed}",
        "seconds": round(seconds),
        "machine": platform.machine(),
        "versions": {package: metadata.version(package) for package in ("torch", "numpy")},
    }
    training.agent(recipe).save(path)
    return path
