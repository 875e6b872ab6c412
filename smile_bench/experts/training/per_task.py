"""Experts of one policy per task: a policy shared by all tasks, fine-tuned to each in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import get_mujoco_family
from smile_bench.experts.per_task import PerTaskExperts
from smile_bench.experts.policy import task_metrics
from smile_bench.experts.training.curricula import WalkOneDynamics
from smile_bench.experts.training.ppo import FEATURE_CLIP, PPO, PPOConfig
from smile_bench.learning.checkpoint import (
    Tensors,
    load_checkpoint,
    pack_module,
    save_checkpoint,
    unpack_module,
)

__all__ = ["PerTaskConfig", "PerTaskTraining", "write_shared"]

ORDER = ("test", "validation", "train")


@dataclass(frozen=True, kw_only=True)
class PerTaskConfig:
    """Settings of a training."""

    shared: str
    """Name of the shared policy that every task begins with; it ships with the experts."""
    ppo: PPOConfig
    """Of a task's first turn; ``iterations`` is how long it takes."""
    later: PPOConfig
    """Of its later turns."""
    rounds: int = 2
    """How often every task has its turn; later ones go on from its own policy."""
    steady: int = 15
    """A task whose last iteration had at most so many falls needs no further round."""
    value_rollouts: int = 4
    """Rollouts that a later turn begins with, in which only the value function learns: it is the
    shared one again."""
    averaged: int = 4
    """The policy that a later turn ends with has the mean weights of so many last iterations."""
    episodes: int = 8
    """A later turn's policy is kept if its mean return in so many episodes is higher."""


def shared_path(name: str) -> Path:
    """Where a shared policy lies."""
    return Path(str(resources.files("smile_bench.experts") / "weights")) / f"{name}.safetensors"


def write_shared(path: Path, training: PPO, recipe: Mapping[str, Any]) -> None:
    """Store a training's policy, value function and normalisation for specialists to begin with."""
    recipe = {"algorithm": training.algorithm, "config": training.settings, **recipe}
    save_checkpoint(path, pack_module("model", training.model), {"recipe": recipe})


class PerTaskTraining:
    """A training whose iterations are tasks; in a round, each is independent of the others.

    Args:
        config: settings.
    """

    def __init__(self, config: PerTaskConfig) -> None:
        self.config = config
        self.family = get_mujoco_family(config.ppo.family)
        self.tasks = [
            (split, index) for split in ORDER for index in range(len(self.family.table(split)))
        ]
        self.iteration = 0
        self.networks: dict[int, Tensors] = {}
        """The policy of each task so far, by the names of its layers."""
        self.falls: dict[int, int] = {}
        """Falls in the last iteration of each task's last turn."""
        self.shared, state = load_checkpoint(shared_path(config.shared))
        self.shared_recipe: Mapping[str, Any] = state["recipe"]

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration and the curriculum as data."""
        return {
            **asdict(self.config),
            "curriculum_settings": asdict(WalkOneDynamics(split=ORDER[0], index=0)),
        }

    @property
    def iterations(self) -> int:
        """How many turns the tasks have in all."""
        return self.config.rounds * len(self.tasks)

    def step(self) -> dict[str, float]:
        """One task's turn.

        Returns:
            What to log: the task, whether it was trained and, if so, its last iteration's metric,
            reward and falls, exploration included.
        """
        number = self.iteration % len(self.tasks)
        log = {"charts/task": float(number), "charts/trained": 0.0}
        if number not in self.falls or self.falls[number] > self.config.steady:
            log |= self.turn(number, self.iteration)
        self.iteration += 1
        return log

    def turn(self, number: int, turn: int) -> dict[str, float]:
        """Train one task's policy; a function of its network so far and the number of the turn.

        Args:
            number: of the task.
            turn: counts the turns of all tasks.

        Returns:
            What to log.
        """
        ppo, before = self.begin(number, turn), self.networks.get(number)
        if before is None:
            for _ in range(ppo.iterations):
                log = ppo.step()
            self.networks[number] = self.network(number, ppo)
        else:
            ppo.fit_value(self.config.value_rollouts)
            kept: list[Tensors] = []
            for _ in range(ppo.iterations):
                log = ppo.step()
                kept = [*kept, self.network(number, ppo)][-self.config.averaged :]
            mean = {name: torch.stack([each[name] for each in kept]).mean(0) for name in before}
            was, now = self.score(number, before, turn), self.score(number, mean, turn)
            log |= {"charts/return_before": was, "charts/return_after": now}
            self.networks[number] = mean if now > was else before
        self.falls[number] = int(log["charts/terminations"])
        return {**log, "charts/trained": 1.0}

    def begin(self, number: int, turn: int) -> PPO:
        """The training of a task's policy in a turn, before its first iteration."""
        split, index = self.tasks[number]
        config = self.config.later if number in self.networks else self.config.ppo
        seed = int(np.random.SeedSequence((config.seed, turn)).generate_state(1)[0])
        ppo = PPO(replace(config, seed=seed), WalkOneDynamics(split=split, index=index))
        unpack_module("model", ppo.model, self.shared)
        if number in self.networks:
            self._put_back(self.networks[number], ppo)
        return ppo

    def score(self, number: int, network: Tensors, seed: int) -> float:
        """Mean return of a task's policy, without exploration."""
        rows = self._row(number)
        expert = self._expert([network], rows, {})
        return float(task_metrics(self.family, expert, rows, self.config.episodes, seed).mean())

    def network(self, number: int, ppo: PPO) -> Tensors:
        """A task's policy as layers that see the observation only."""
        observed = self.family.observation_size
        layers = self._layers(ppo)
        nothing = np.zeros((1, observed))
        task = self.family.privileged(nothing, self._row(number))[0, observed:]
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

    @torch.no_grad()
    def _put_back(self, network: Tensors, ppo: PPO) -> None:
        """Go on from a task's policy; the value function begins with the shared one again."""
        observed = self.family.observation_size
        layers = self._layers(ppo)
        for i, layer in enumerate(layers[1:], start=1):
            layer.weight.copy_(network[f"layer{i}.weight"])
            layer.bias.copy_(network[f"layer{i}.bias"])
        layers[0].weight.zero_()
        layers[0].weight[:, :observed] = network["layer0.weight"]
        layers[0].bias.copy_(network["layer0.bias"])
        ppo.model.mean[:observed] = network["mean"].double()
        ppo.model.var[:observed] = network["scale"].double().square()

    @staticmethod
    def _layers(ppo: PPO) -> list[nn.Linear]:
        return [layer for layer in ppo.model.policy if isinstance(layer, nn.Linear)]

    def expert(self, recipe: dict[str, Any]) -> PerTaskExperts:
        """The policies of all tasks that have had a turn."""
        done = sorted(self.networks)
        rows = np.concatenate([self._row(number) for number in done])
        return self._expert([self.networks[number] for number in done], rows, recipe)

    def _row(self, number: int) -> FloatArray:
        """A task's parameters, (1, P)."""
        split, index = self.tasks[number]
        return self.family.table(split)[index : index + 1]

    def _expert(
        self, networks: Sequence[Tensors], tasks: FloatArray, recipe: Mapping[str, Any]
    ) -> PerTaskExperts:
        """Policies of tasks (N, P), one network each."""

        def stack(name: str) -> Float32Array:
            return np.stack([network[name].numpy() for network in networks])

        layers = sum(name.endswith(".weight") for name in networks[0])
        return PerTaskExperts(
            family=self.family.id,
            tasks=tasks,
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
            for number, network in self.networks.items()
            for name, tensor in network.items()
        }
        state = {
            "config": self.settings,
            "iteration": self.iteration,
            "falls": [self.falls[number] for number in sorted(self.falls)],
        }
        save_checkpoint(path, tensors, state)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        tensors, state = load_checkpoint(path)
        self.iteration = state["iteration"]
        self.falls = dict(enumerate(state["falls"]))
        self.networks = {number: {} for number in self.falls}
        for key, tensor in tensors.items():
            task, name = key.split(".", 1)
            self.networks[int(task.removeprefix("task"))][name] = tensor
