"""Experts of one policy per task: a policy shared by all tasks, fine-tuned to each in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from smile_bench.baselines.checkpoint import (
    Tensors,
    load_checkpoint,
    pack_module,
    save_checkpoint,
    unpack_module,
)
from smile_bench.baselines.ppo import FEATURE_CLIP, PPO, PPOConfig
from smile_bench.baselines.practices import WalkOneDynamics
from smile_bench.datasets.specialists import Specialists
from smile_bench.envs import get_mujoco_family

__all__ = ["SpecialistTraining", "SpecialistsConfig", "write_shared"]

ORDER = ("test", "validation", "train")


@dataclass(frozen=True, kw_only=True)
class SpecialistsConfig:
    """Settings of a training."""

    shared: str
    """Name of the shared policy that every task begins with; it ships with the experts."""
    ppo: PPOConfig
    """Of one task's training; ``iterations`` is how long it takes."""


def shared_path(name: str) -> Path:
    """Where a shared policy lies."""
    return Path(str(resources.files("smile_bench.datasets") / "experts")) / f"{name}.safetensors"


def write_shared(path: Path, training: PPO, recipe: Mapping[str, Any]) -> None:
    """Store a training's policy, value function and normalisation for specialists to begin with."""
    save_checkpoint(path, pack_module("model", training.model), {"recipe": dict(recipe)})


class SpecialistTraining:
    """A training whose iterations are tasks; each is independent of the others.

    Args:
        config: settings.
    """

    def __init__(self, config: SpecialistsConfig) -> None:
        self.config = config
        self.family = get_mujoco_family(config.ppo.family)
        self.tasks = [
            (split, index) for split in ORDER for index in range(len(self.family.table(split)))
        ]
        self.iteration = 0
        self.done: list[Tensors] = []
        """The network of each finished task, by the names of its layers."""
        self.shared, state = load_checkpoint(shared_path(config.shared))
        self.shared_recipe: Mapping[str, Any] = state["recipe"]

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration and the practice as data."""
        return {
            **asdict(self.config),
            "practice_settings": asdict(WalkOneDynamics(split=ORDER[0], index=0)),
        }

    @property
    def iterations(self) -> int:
        """How many tasks there are."""
        return len(self.tasks)

    def step(self) -> dict[str, float]:
        """Train one task's policy.

        Returns:
            What to log: the last iteration's metric, reward and falls, exploration included.
        """
        ppo, log = self.train_task(self.iteration)
        self.done.append(self.network(ppo))
        self.iteration += 1
        return log

    def train_task(
        self, number: int, iterations: int | None = None
    ) -> tuple[PPO, dict[str, float]]:
        """Fine-tune the shared policy to the task of a number; it depends on nothing else.

        Args:
            number: of the task, in the order of ``tasks``.
            iterations: another length than the configured one.

        Returns:
            The training, and what its last iteration logged.
        """
        split, index = self.tasks[number]
        config = self.config.ppo
        seed = int(np.random.SeedSequence((config.seed, number)).generate_state(1)[0])
        ppo = PPO(replace(config, seed=seed), WalkOneDynamics(split=split, index=index))
        unpack_module("model", ppo.model, self.shared)
        log: dict[str, float] = {}
        for _ in range(iterations or config.iterations):
            log = ppo.step()
        return ppo, {**log, "charts/task": float(number)}

    def network(self, ppo: PPO) -> Tensors:
        """A task's policy as layers that see the observation only."""
        observed = self.family.observation_size
        split, index = self.tasks[len(self.done)]
        layers = [layer for layer in ppo.model.policy if isinstance(layer, nn.Linear)]
        task = self.family.privileged(
            np.zeros((1, observed)), self.family.table(split)[index : index + 1]
        )[0, observed:]
        seen = (torch.from_numpy(task) - ppo.model.mean[observed:]) / ppo.model.scale[observed:]
        seen = seen.clamp(-FEATURE_CLIP, FEATURE_CLIP).float()
        packed: Tensors = {
            "mean": ppo.model.mean[:observed].float(),
            "scale": ppo.model.scale[:observed].float(),
        }
        for i, layer in enumerate(layers):
            packed[f"layer{i}.weight"], packed[f"layer{i}.bias"] = layer.weight, layer.bias
        # The task is constant: its share of the first layer is a bias.
        first = layers[0].weight
        packed["layer0.weight"] = first[:, :observed]
        packed["layer0.bias"] = layers[0].bias + first[:, observed:] @ seen
        return {name: tensor.detach().clone() for name, tensor in packed.items()}

    def expert(self, recipe: dict[str, Any]) -> Specialists:
        """The policies of all tasks that are done."""

        def stack(name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
            return np.stack([tensors[name].numpy() for tensors in self.done])

        layers = sum(name.endswith(".weight") for name in self.done[0])
        rows = [self.family.table(split)[index] for split, index in self.tasks[: len(self.done)]]
        return Specialists(
            family=self.family.id,
            tasks=np.stack(rows),
            weights=tuple(stack(f"layer{i}.weight") for i in range(layers)),
            biases=tuple(stack(f"layer{i}.bias") for i in range(layers)),
            mean=stack("mean"),
            scale=stack("scale"),
            feature_clip=FEATURE_CLIP,
            recipe={
                "algorithm": "ppo",
                "config": self.settings,
                "shared": self.shared_recipe,
                **recipe,
            },
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        tensors = {
            f"task{number}.{name}": tensor
            for number, network in enumerate(self.done)
            for name, tensor in network.items()
        }
        save_checkpoint(path, tensors, {"config": self.settings, "iteration": self.iteration})

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        tensors, state = load_checkpoint(path)
        self.iteration = state["iteration"]
        self.done = [{} for _ in range(self.iteration)]
        for key, tensor in tensors.items():
            task, name = key.split(".", 1)
            self.done[int(task.removeprefix("task"))][name] = tensor
