"""Meta-DAgger: Meta-BC on the states that the learner itself comes to (Ross et al. 2011).

Every iteration the learner acts for an episode in each meta-train task, under a code of the task's
own demonstrations; the task's expert says what it would have done in each state; and the learner is
trained on all that was gathered so far together with the demonstrations. There is no mixing with
the expert's actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines.imitation.imitator import ImitatorPolicy
from smile_bench.baselines.meta_bc.training import MetaBC, MetaBCConfig
from smile_bench.errors import InputError
from smile_bench.learning.checkpoint import Tensors
from smile_bench.learning.devices import CPU, index

__all__ = ["MetaDAgger", "MetaDAggerConfig"]


@dataclass(frozen=True, kw_only=True)
class MetaDAggerConfig(MetaBCConfig):
    """Settings of a training; each iteration gathers an episode of every task."""

    warm_up: int = 5
    """First iterations on the demonstrations alone, as Meta-BC."""
    visited: float = 0.75
    """Share of the states of a batch that the learner visited; the others are demonstrated."""
    threads: int = 1
    """Native threads of the simulator."""


class MetaDAgger(MetaBC):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Args:
        config: settings.
        access: to demonstrations, environments and expert labels.
        device: what it computes on.

    Raises:
        InputError: an access to another family or on another track than ``expert-queries``.
    """

    name = "meta-dagger"
    config: MetaDAggerConfig

    def __init__(
        self, config: MetaDAggerConfig, access: Access, device: torch.device = CPU
    ) -> None:
        if access.track != "expert-queries":
            raise InputError(
                f"meta-dagger asks experts for labels, which the {access.track} track does not "
                "give; make an access with track='expert-queries'."
            )
        super().__init__(config, access, device)
        self.everything = np.arange(self.train.tasks)
        self.environments = access.environments(self.everything, threads=config.threads)
        family = access.family
        room = max(0, self.iterations - config.warm_up) * family.horizon
        self.states = torch.zeros((self.train.tasks, room, family.observation_size), device=device)
        """Normalised states that the learner visited, (N, room, O); the first ``gathered``."""
        self.labels = torch.zeros((self.train.tasks, room, family.action_size), device=device)
        """What each task's expert would have done there, (N, room, A)."""
        self.gathered = 0

    def step(self) -> dict[str, float]:
        """One iteration: an episode of every task, then updates.

        Returns:
            What to log.

        Raises:
            DivergedError: the loss is not finite.
        """
        if self.iteration >= self.config.warm_up:
            self._gather()
        log = super().step()
        counts = self.access.counts
        log["charts/env_steps"] = float(counts.env_steps)
        log["charts/expert_queries"] = float(counts.expert_queries)
        return log

    def _gather(self) -> None:
        """Act for an episode in each task, and ask what the experts would have done."""
        environments, rng = self.environments, self.rng
        policy = self._acting()
        environments.reset(rng)
        visited: list[FloatArray] = []
        for _ in range(self.access.family.horizon):
            visited.append(environments.observe())
            environments.step(policy.act(visited[-1]))
        observations = np.stack(visited, axis=1)
        flat = observations.reshape(-1, observations.shape[-1])
        tasks = np.repeat(self.everything, len(visited))
        labels = self.access.expert_actions(tasks, flat, rng)
        where = slice(self.gathered, self.gathered + len(visited))
        self.states[:, where] = torch.from_numpy(self.normaliser(observations))
        self.labels[:, where] = torch.from_numpy(labels).view(*observations.shape[:2], -1)
        self.gathered += len(visited)

    @torch.no_grad()
    def _acting(self) -> ImitatorPolicy:
        """The learner's deterministic policy under codes of contexts of each task."""
        family, rng = self.access.family, self.rng
        shots = int(rng.choice(family.context_sizes))
        features, _ = self.train.sample_contexts(rng, self.everything, shots, family.horizon)
        return ImitatorPolicy(family, [(self.policy, self.encoder(features))], self.normaliser)

    def _labelled(self, tasks: IntArray, rest: IntArray) -> tuple[Tensor, Tensor]:
        """States (B, n, O), the first of them visited, and the expert's actions (B, n, A)."""
        states, actions = super()._labelled(tasks, rest)
        visited = round(self.config.visited * states.shape[1]) if self.gathered else 0
        if visited:
            where = tasks[:, None], self.rng.integers(self.gathered, size=(len(tasks), visited))
            states = torch.cat((index(self.states, *where), states[:, visited:]), dim=1)
            actions = torch.cat((index(self.labels, *where), actions[:, visited:]), dim=1)
        return states, actions

    def packed(self) -> tuple[Tensors, dict[str, Any]]:
        """Everything that going on exactly needs, what was visited included."""
        tensors, state = super().packed()
        visited, labels = self.states[:, : self.gathered], self.labels[:, : self.gathered]
        return {**tensors, "visited": visited, "labels": labels}, {
            **state,
            "gathered": self.gathered,
        }

    def unpack(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`packed` gave."""
        super().unpack(tensors, state)
        self.gathered = state["gathered"]
        self.states[:, : self.gathered] = tensors["visited"]
        self.labels[:, : self.gathered] = tensors["labels"]


def make_trainer(config: MetaDAggerConfig, access: Access, device: torch.device) -> MetaDAgger:
    """The training of a configuration."""
    return MetaDAgger(config, access, device)
