"""Meta-DAgger: Meta-BC on the states that the learner itself visits (Ross et al. 2011).

In every iteration the learner acts for an episode in each meta-train task, under an embedding of
the task's own demonstrations. The task's expert labels every state with the action it would have
taken. The learner then trains on all labelled states so far together with the demonstrations. Its
actions are never mixed with the expert's.
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
from smile_bench.baselines.imitation.ensemble import make_ensemble
from smile_bench.baselines.imitation.imitator import ImitatorPolicy
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.baselines.meta_bc.training import MetaBC
from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU, index, to_device
from smile_bench.settings import AMOUNT, SHARE, require_ranges
from smile_bench.tracks import TRACKS

__all__ = ["MetaDAgger", "MetaDAggerConfig", "make_trainer"]


@dataclass(frozen=True, kw_only=True)
class MetaDAggerConfig(MetaBCConfig):
    """Settings of a training; each iteration gathers one episode of every task."""

    warm_up_iterations: int = 5
    """First iterations on the demonstrations alone, as Meta-BC."""
    visited_fraction: float = 0.75
    """Share of a batch's states that the learner visited; the others are demonstrated."""


class MetaDAgger(MetaBC):
    """A training that can be saved after any iteration and continued to the same numbers.

    Args:
        config: settings.
        access: to demonstrations, environments and expert labels.
        device: of all networks and data.

    Raises:
        InputError: an access to another family, or on a track without expert labels; or a number
            out of range.
    """

    config: MetaDAggerConfig

    def __init__(
        self, config: MetaDAggerConfig, access: Access, device: torch.device = CPU
    ) -> None:
        if not TRACKS[access.track].labels:
            raise InputError(
                f"meta-dagger asks experts for labels, which the {access.track} track does not "
                "give; make an access with track='expert-queries'."
            )
        require_ranges(config, {AMOUNT: ("warm_up_iterations",), SHARE: ("visited_fraction",)})
        super().__init__(config, access, device, name="meta-dagger")
        self.tasks = np.arange(self.train.tasks)
        self.environments = access.environments(self.tasks, threads=1)
        family = access.family
        room = max(0, self.iterations - config.warm_up_iterations) * family.horizon
        self.states = torch.zeros((self.train.tasks, room, family.observation_size), device=device)
        """Normalised states that the learner visited, (N, room, O); the first ``gathered``."""
        self.labels = torch.zeros((self.train.tasks, room, family.action_size), device=device)
        """The expert's action in each of these states, (N, room, A)."""
        self.gathered = 0

    def step(self) -> dict[str, float]:
        """One iteration: an episode of every task, then updates.

        Returns:
            What to log.

        Raises:
            DivergedError: the loss is not finite.
        """
        if self.iteration >= self.config.warm_up_iterations:
            self._gather()
        log = super().step()
        counts = self.access.counts
        log["charts/env_steps"] = float(counts.env_steps)
        log["charts/expert_queries"] = float(counts.expert_queries)
        return log

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly, visited states included."""
        visited, labels = self.states[:, : self.gathered], self.labels[:, : self.gathered]
        own = {"visited": visited, "labels": labels, "gathered": self.gathered}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        super().load_state_dict(state)
        self.gathered = state["gathered"]
        self.states[:, : self.gathered] = state["visited"]
        self.labels[:, : self.gathered] = state["labels"]

    def _gather(self) -> None:
        """Act for an episode in each task, and ask the experts for their actions."""
        environments, rng = self.environments, self.rng
        policy = self._acting()
        environments.reset(rng)
        visited: list[FloatArray] = []
        for _ in range(self.access.family.horizon):
            visited.append(environments.observe())
            environments.step(policy.act(visited[-1]))
        observations = np.stack(visited, axis=1)
        flat = observations.reshape(-1, observations.shape[-1])
        labels = self.access.expert_actions(np.repeat(self.tasks, len(visited)), flat, rng)
        where = slice(self.gathered, self.gathered + len(visited))
        self.states[:, where] = to_device(self.data.normaliser(observations), self.device)
        self.labels[:, where] = torch.from_numpy(labels).view(*observations.shape[:2], -1)
        self.gathered += len(visited)

    @torch.no_grad()
    def _acting(self) -> ImitatorPolicy:
        """The learner's deterministic policy under an embedding of each task."""
        family, rng = self.access.family, self.rng
        shots = int(rng.choice(family.context_sizes))
        features, _ = self.train.sample_contexts(rng, self.tasks, shots, family.horizon)
        members = [(self.policy, self.encoder(features))]
        return ImitatorPolicy(family, members, self.data.normaliser)

    def _labelled(self, tasks: IntArray, held_out: IntArray) -> tuple[Tensor, Tensor]:
        """States (B, n, O), the first of them visited, and the expert's actions (B, n, A)."""
        states, actions = super()._labelled(tasks, held_out)
        fraction = self.config.visited_fraction if self.gathered else 0.0
        if visited := round(fraction * states.shape[1]):
            where = tasks[:, None], self.rng.integers(self.gathered, size=(len(tasks), visited))
            states = torch.cat((index(self.states, *where), states[:, visited:]), dim=1)
            actions = torch.cat((index(self.labels, *where), actions[:, visited:]), dim=1)
        return states, actions


def make_trainer(
    config: MetaDAggerConfig, access: Access, device: torch.device = CPU
) -> ImitatorTrainer:
    """The training of a configuration, of all its members."""
    return make_ensemble(config, lambda own, _first: MetaDAgger(own, access, device), access)
