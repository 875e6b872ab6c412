"""The shared policy: trained on all tasks, the initial weights of every per-task expert.

The file is safetensors. Its tensors are the policy and value function as ``model.policy.*``,
``model.value.*`` and ``model.log_std``, and the feature statistics as ``model.mean``, ``model.var``
and ``model.count``. Its metadata's ``state`` is a JSON object with the training's ``recipe``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from smile_bench.errors import ExpertError
from smile_bench.experts.training.ppo import PPO
from smile_bench.io.tensors import TensorFile, read_tensors, write_tensors

__all__ = ["SharedPolicy", "read_shared", "write_shared"]

STATISTICS = {"mean": "mean", "variance": "var", "count": "count"}
"""Name in the running normaliser to name in the file."""


@dataclass(frozen=True, eq=False)
class SharedPolicy:
    """A shared policy as it was read."""

    file: TensorFile
    recipe: Mapping[str, Any]
    """How it was trained."""

    def load_into(self, trainings: PPO) -> None:
        """Set every training's policy, value function and feature statistics to the shared ones.

        Raises:
            ExpertError: the file does not hold them, or holds others of another size.
        """
        with self.file.understanding():
            names = trainings.model.state_dict()
            networks = {name: self.file.tensor(f"model.{name}") for name in names}
            statistics = {
                ours: self.file.tensor(f"model.{theirs}").numpy()
                for ours, theirs in STATISTICS.items()
            }
            shapes = [statistics[name].shape for name in ("mean", "variance")]
            if shapes != [(trainings.features,)] * 2:
                raise self.file.damaged(
                    f"its statistics have shapes {shapes}, expected {(trainings.features,)}"
                )
            for index in range(len(trainings)):
                trainings.model.load_member(index, networks)
                trainings.normaliser.load_state_dict(index, statistics)


def read_shared(path: Path) -> SharedPolicy:
    """Read what :func:`write_shared` wrote.

    Raises:
        ExpertError: the file is missing or damaged.
    """
    file = read_tensors(path, "a shared policy", ExpertError, framework="pt")
    with file.understanding():
        return SharedPolicy(file, file.document("state")["recipe"])


def write_shared(path: Path, trainings: PPO, index: int, recipe: Mapping[str, Any]) -> None:
    """Store a training's policy, value function and feature statistics, whole or not at all.

    Args:
        path: the file.
        trainings: the training is one of these.
        index: which of them.
        recipe: joins the algorithm and its settings.
    """
    statistics = trainings.normaliser.state_dict(index)
    tensors = {
        **trainings.model.member(index).state_dict(),
        **{
            theirs: torch.tensor(statistics[ours], dtype=torch.float64)
            for ours, theirs in STATISTICS.items()
        },
    }
    recipe = {"algorithm": trainings.algorithm, "config": trainings.settings[index], **recipe}
    named = {f"model.{name}": tensor for name, tensor in tensors.items()}
    metadata = {"state": json.dumps({"recipe": recipe})}
    write_tensors(path, named, metadata, framework="pt")
