"""Experts with one policy per task: a shared policy, fine-tuned to each task in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import get_mujoco_family
from smile_bench.experts.per_task import PerTaskExperts
from smile_bench.experts.policy import task_metrics, weights_path
from smile_bench.experts.training.curricula import WalkOneDynamics
from smile_bench.experts.training.ppo import FEATURE_CLIP, PPO, PPOConfig
from smile_bench.experts.training.shared import read_shared

__all__ = ["PerTaskConfig", "PerTaskTraining"]

ORDER = ("test", "validation", "train")

Network: TypeAlias = dict[str, Tensor]
"""A task's policy: ``mean`` and ``scale``, ``layer0.weight``, ``layer0.bias`` and so on."""


@dataclass(frozen=True, kw_only=True)
class PerTaskConfig:
    """Settings of a training."""

    shared: str
    """Name of the shared policy that every task begins with; it ships with the experts."""
    ppo: PPOConfig
    """Of a task's first turn; ``iterations`` is the turn's length."""
    later: PPOConfig
    """Of its later turns."""
    rounds: int = 2
    """Turns of every task; a later turn continues the task's own policy."""
    steady: int = 15
    """A task that fell at most so often in its last iteration gets no further turn."""
    value_rollouts: int = 4
    """Rollouts at the start of a later turn in which only the value function learns. It begins
    with the shared one again."""
    averaged: int = 4
    """Number of last iterations whose weights are averaged at the end of a later turn."""
    episodes: int = 8
    """Episodes in which the policies before and after a later turn are compared. The one with the
    higher mean return is kept."""


class PerTaskTraining:
    """A training whose iterations are the turns of tasks; the turns of a round are independent.

    Args:
        config: settings.

    Raises:
        ExpertError: the shared policy is missing or damaged.
    """

    def __init__(self, config: PerTaskConfig) -> None:
        self.config = config
        self.family = get_mujoco_family(config.ppo.family)
        self.tasks = [
            (split, index) for split in ORDER for index in range(len(self.family.table(split)))
        ]
        self.iteration = 0
        self.networks: dict[int, Network] = {}
        """Policy so far of each task that has had a turn."""
        self.falls: dict[int, int] = {}
        """Falls in the last iteration of each task's last turn."""
        self.shared = read_shared(weights_path(self.family, config.shared))

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration and the curriculum as data."""
        return {
            **asdict(self.config),
            "curriculum_settings": asdict(WalkOneDynamics(split=ORDER[0], index=0)),
        }

    @property
    def iterations(self) -> int:
        """Number of turns of all tasks together."""
        return self.config.rounds * len(self.tasks)

    def step(self) -> dict[str, float]:
        """One task's turn.

        Returns:
            What to log: the task, whether it was trained and, if so, metric, reward and falls of
            its last iteration, exploration included.
        """
        number = self.iteration % len(self.tasks)
        log = {"charts/task": float(number), "charts/trained": 0.0}
        if number not in self.falls or self.falls[number] > self.config.steady:
            log |= self.turn(number, self.iteration)
        self.iteration += 1
        return log

    def turn(self, number: int, turn: int) -> dict[str, float]:
        """Train one task's policy, given its policy so far and the number of the turn.

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
            kept: list[Network] = []
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
        self.shared.load_into(ppo)
        if number in self.networks:
            self._load_policy(self.networks[number], ppo)
        return ppo

    def score(self, number: int, network: Network, seed: int) -> float:
        """Mean return of a task's policy, without exploration."""
        rows = self._row(number)
        expert = self._expert([network], rows, {})
        return float(task_metrics(self.family, expert, rows, self.config.episodes, seed).mean())

    def network(self, number: int, ppo: PPO) -> Network:
        """A task's policy as a network that sees the observation only."""
        observed = self.family.observation_size
        layers, normaliser = self._layers(ppo), ppo.normaliser
        at_origin = self.family.privileged(np.zeros((1, observed)), self._row(number))
        task = torch.from_numpy(normaliser(at_origin)[0, observed:])
        network: Network = {
            "mean": torch.from_numpy(normaliser.mean[:observed]).float(),
            "scale": torch.from_numpy(normaliser.scale[:observed]).float(),
        }
        for i, layer in enumerate(layers):
            network[f"layer{i}.weight"], network[f"layer{i}.bias"] = layer.weight, layer.bias
        # The task is constant, so its part of the first layer is a bias.
        first = layers[0].weight
        network["layer0.weight"] = first[:, :observed]
        network["layer0.bias"] = layers[0].bias + first[:, observed:] @ task
        return {name: tensor.detach().clone() for name, tensor in network.items()}

    def expert(self, recipe: dict[str, Any]) -> PerTaskExperts:
        """The policies of all tasks that have had a turn; ``recipe`` joins the settings."""
        done = sorted(self.networks)
        rows = np.concatenate([self._row(number) for number in done])
        return self._expert([self.networks[number] for number in done], rows, recipe)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""
        return {"iteration": self.iteration, "networks": self.networks, "falls": self.falls}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.iteration = state["iteration"]
        self.networks = {number: dict(network) for number, network in state["networks"].items()}
        self.falls = dict(state["falls"])

    @torch.no_grad()
    def _load_policy(self, network: Network, ppo: PPO) -> None:
        """Set a training's policy to a task's; its value function stays."""
        observed = self.family.observation_size
        layers = self._layers(ppo)
        for i, layer in enumerate(layers[1:], start=1):
            layer.weight.copy_(network[f"layer{i}.weight"])
            layer.bias.copy_(network[f"layer{i}.bias"])
        layers[0].weight.zero_()
        layers[0].weight[:, :observed] = network["layer0.weight"]
        layers[0].bias.copy_(network["layer0.bias"])
        ppo.normaliser.mean[:observed] = network["mean"].numpy()
        ppo.normaliser.variance[:observed] = np.square(network["scale"].double().numpy())

    @staticmethod
    def _layers(ppo: PPO) -> list[nn.Linear]:
        return [layer for layer in ppo.model.policy if isinstance(layer, nn.Linear)]

    def _row(self, number: int) -> FloatArray:
        """A task's parameters, (1, P)."""
        split, index = self.tasks[number]
        return self.family.table(split)[index : index + 1]

    def _expert(
        self, networks: Sequence[Network], tasks: FloatArray, recipe: Mapping[str, Any]
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
                "shared": self.shared.recipe,
                **recipe,
            },
        )
