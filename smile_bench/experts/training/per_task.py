"""Experts with one policy per task: a shared policy, fine-tuned to each task.

The turns of a round are independent of each other, so that several are one computation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.envs import get_mujoco_family
from smile_bench.errors import DivergedError, InputError
from smile_bench.experts.per_task import PerTaskExperts
from smile_bench.experts.policy import task_metrics, weights_path
from smile_bench.experts.training.curricula import WalkOneDynamics
from smile_bench.experts.training.ppo import FEATURE_CLIP, PPO, PPOConfig
from smile_bench.experts.training.shared import read_shared
from smile_bench.learning.compute import Compute
from smile_bench.learning.normaliser import Normaliser

__all__ = ["PerTaskConfig", "PerTaskTraining", "Turn"]

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
    together: int = 4
    """Turns of a round that are one computation. A turn gives the same numbers up to rounding,
    however many there are beside it."""


class Turn(NamedTuple):
    """Of a task."""

    task: int
    """Its number."""
    seed: int
    """Counts the turns of all tasks."""


class PerTaskTraining:
    """A training whose iterations are the turns of some tasks.

    Args:
        config: settings.
        compute: how to compute.

    Raises:
        ExpertError: the shared policy is missing or damaged.
        InputError: fewer than one turn at a time.
    """

    def __init__(self, config: PerTaskConfig, compute: Compute | None = None) -> None:
        if config.together < 1:
            raise InputError(
                f"{config.together} turns cannot be one computation; give together=1 or more."
            )
        self.config, self.compute = config, compute
        self.family = get_mujoco_family(config.ppo.family)
        self.tasks = [
            (split, index) for split in ORDER for index in range(len(self.family.table(split)))
        ]
        self.iteration = 0
        self.networks: dict[int, Network] = {}
        """Policy so far of each task that has had a turn."""
        self.falls: dict[int, int] = {}
        """Falls in the last iteration of each task's last turn."""
        self.diverged: dict[int, str] = {}
        """Why the turn of a task stopped. The task keeps the policy of its former turn, if it has
        had one, and gets no further turn."""
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
        """How many iterations there are, with some turns each."""
        return self.config.rounds * self._parts

    def step(self) -> dict[str, float]:
        """The turns of the next tasks.

        Returns:
            What to log: the number of the first of these tasks, how many were trained and, if any,
            means over them of metric, reward and falls of the last iteration, exploration included.
            If turns have diverged so far, also how many.

        Raises:
            DivergedError: the turns of all tasks have diverged.
        """
        done, part = divmod(self.iteration, self._parts)
        first = part * self.config.together
        numbers = range(len(self.tasks))[first : first + self.config.together]
        due = [
            Turn(number, done * len(self.tasks) + number)
            for number in numbers
            if number not in self.diverged
            and (number not in self.falls or self.falls[number] > self.config.steady)
        ]
        logs = self.turn(due) if due else {}
        log = {"charts/task": float(first), "charts/trained": float(len(logs))}
        if self.diverged:
            log["charts/diverged"] = float(len(self.diverged))
        if logs:
            rows = list(logs.values())
            log |= {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        if len(self.diverged) == len(self.tasks):
            raise DivergedError(f"the turns of all tasks have diverged. {self.report()}")
        self.iteration += 1
        return log

    def turn(self, turns: Sequence[Turn]) -> dict[int, dict[str, float]]:
        """Train the policies of some tasks, all in their first turn or all in a later one.

        Returns:
            What to log, by number of the task, of those whose training has not diverged.
        """
        ppo, later = self.begin(turns), turns[0].task in self.networks
        if later:
            ppo.fit_value(self.config.value_rollouts)
        averaged = self.config.averaged if later else 1
        last: dict[int, list[Network]] = {turn.task: [] for turn in turns}
        logs: dict[int, dict[str, float]] = {}
        for _ in range(ppo.iterations):
            stepped = ppo.step()
            logs = {
                turn.task: dict(log)
                for turn, log in zip(turns, stepped, strict=True)
                if not isinstance(log, DivergedError)
            }
            if not logs:
                break
            for index, (task, _) in enumerate(turns):
                if task in logs:
                    last[task] = [*last[task], self.network(task, ppo, index)][-averaged:]
        for turn, log in zip(turns, stepped, strict=True):
            if isinstance(log, DivergedError):
                self.diverged[turn.task] = str(log)
            elif later:
                logs[turn.task] |= self._keep_better(turn, last[turn.task])
            else:
                (self.networks[turn.task],) = last[turn.task]
        for task, log in logs.items():
            self.falls[task] = int(log["charts/terminations"])
        return logs

    def report(self) -> str:
        """Which tasks' turns have diverged, and why."""
        named = [(*self.tasks[task], why) for task, why in sorted(self.diverged.items())]
        return " ".join(f"{split} task {index}: {why}" for split, index, why in named)

    def begin(self, turns: Sequence[Turn]) -> PPO:
        """The trainings of some tasks' policies, before their first iteration."""
        later = turns[0].task in self.networks
        base = self.config.later if later else self.config.ppo
        seeds = [np.random.SeedSequence((base.seed, turn.seed)) for turn in turns]
        configs = [replace(base, seed=int(seed.generate_state(1)[0])) for seed in seeds]
        tasks = [self.tasks[turn.task] for turn in turns]
        curricula = [WalkOneDynamics(split=split, index=row) for split, row in tasks]
        ppo = PPO(configs, curricula, self.compute)
        self.shared.load_into(ppo)
        if later:
            for index, (number, _) in enumerate(turns):
                self._load_policy(self.networks[number], ppo, index)
        return ppo

    def score(self, number: int, network: Network, seed: int) -> float:
        """Mean return of a task's policy, without exploration."""
        rows = self._row(number)
        expert = self._expert([network], rows, {})
        return float(task_metrics(self.family, expert, rows, self.config.episodes, seed).mean())

    def network(self, number: int, ppo: PPO, index: int) -> Network:
        """The policy of training ``index`` in a task, which sees the observation only."""
        observed, statistics = self.family.observation_size, ppo.normaliser
        layers = _linear(ppo.policy_layers(index))
        mean, scale = statistics.mean[index], statistics.scale[index]
        at_origin = self.family.privileged(np.zeros((1, observed)), self._row(number))
        task = torch.from_numpy(Normaliser(mean, scale, statistics.clip)(at_origin)[0, observed:])
        network: Network = {
            "mean": torch.from_numpy(mean[:observed]).float(),
            "scale": torch.from_numpy(scale[:observed]).float(),
        }
        for i, layer in enumerate(layers):
            network[f"layer{i}.weight"], network[f"layer{i}.bias"] = layer.weight, layer.bias
        # The task is constant, so its part of the first layer is a bias.
        first = layers[0].weight
        network["layer0.weight"] = first[:, :observed]
        network["layer0.bias"] = layers[0].bias + first[:, observed:] @ task
        return {name: tensor.detach().clone() for name, tensor in network.items()}

    def expert(self, recipe: Mapping[str, Any]) -> PerTaskExperts:
        """The policies of all tasks that have had a turn; ``recipe`` joins the settings."""
        done = sorted(self.networks)
        rows = np.concatenate([self._row(number) for number in done])
        return self._expert([self.networks[number] for number in done], rows, recipe)

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""
        held = {"networks": self.networks, "falls": self.falls, "diverged": self.diverged}
        return {"iteration": self.iteration, **held}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.iteration = state["iteration"]
        self.networks = {number: dict(network) for number, network in state["networks"].items()}
        self.falls = dict(state["falls"])
        # Checkpoints of former versions lack it: then, nothing had diverged.
        self.diverged = dict(state.get("diverged", {}))

    @property
    def _parts(self) -> int:
        """Iterations of a round."""
        return math.ceil(len(self.tasks) / self.config.together)

    def _keep_better(self, turn: Turn, ending: Sequence[Network]) -> dict[str, float]:
        """Replace a task's policy by the mean of a turn's last ones where that is better.

        Returns:
            What to log.
        """
        before = self.networks[turn.task]
        mean = {name: torch.stack([each[name] for each in ending]).mean(0) for name in before}
        was, now = (self.score(turn.task, each, turn.seed) for each in (before, mean))
        self.networks[turn.task] = mean if now > was else before
        return {"charts/return_before": was, "charts/return_after": now}

    def _load_policy(self, network: Network, ppo: PPO, index: int) -> None:
        """Set a training's policy to a task's; its value function stays."""
        observed = self.family.observation_size
        plain = ppo.model.member(index)
        with torch.no_grad():
            for i, layer in enumerate(_linear(plain.policy)):
                layer.bias.copy_(network[f"layer{i}.bias"])
                weight = network[f"layer{i}.weight"]
                layer.weight.zero_()[:, : weight.shape[1]] = weight
        ppo.model.load_member(index, plain.state_dict())
        ppo.normaliser.mean[index, :observed] = network["mean"].numpy()
        ppo.normaliser.variance[index, :observed] = np.square(network["scale"].double().numpy())

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


def _linear(layers: Iterable[nn.Module]) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]
