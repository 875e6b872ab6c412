"""Meta-DAgger: Meta-BC on the states that the learner itself visits (Ross et al. 2011).

In every iteration the learner acts for an episode in each meta-train task, under an embedding of
the task's own demonstrations. The task's expert labels every state with the action it would have
taken. The learner then trains on all labelled states so far together with the demonstrations. Its
actions are never mixed with the expert's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.access.together import environments_together
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.baselines.meta_bc.training import MetaBC
from smile_bench.errors import InputError
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import to_device
from smile_bench.learning.replay import take_rows
from smile_bench.learning.stacking import in_step
from smile_bench.settings import AMOUNT, SHARE, require_ranges
from smile_bench.tracks import TRACKS

__all__ = ["MetaDAgger", "MetaDAggerConfig", "make_trainings"]


@dataclass(frozen=True, kw_only=True)
class MetaDAggerConfig(MetaBCConfig):
    """Settings of a training; each iteration gathers one episode of every task."""

    warm_up_iterations: int = 5
    """First iterations on the demonstrations alone, as Meta-BC."""
    visited_fraction: float = 0.75
    """Share of a batch's states that the learner visited; the others are demonstrated."""


class MetaDAgger(MetaBC):
    """Trainings that can be saved after any iteration and continued to the same numbers.

    Args:
        configs: settings, one an agent; they may differ in
            :data:`smile_bench.baselines.meta_bc.config.SCALARS`.
        accesses: to demonstrations, environments and expert labels, one an agent.
        compute: how to compute.

    Raises:
        InputError: settings that cannot be trained on this access, or not together; or a track
            without expert labels.
    """

    config: MetaDAggerConfig

    def __init__(
        self,
        configs: Sequence[MetaDAggerConfig],
        accesses: Sequence[Access],
        compute: Compute | None = None,
    ) -> None:
        for access in accesses:
            if not TRACKS[access.track].labels:
                raise InputError(
                    f"meta-dagger asks experts for labels, which the {access.track} track does not "
                    "give; make an access with track='expert-queries'."
                )
        for config in configs:
            require_ranges(config, {AMOUNT: ("warm_up_iterations",), SHARE: ("visited_fraction",)})
        super().__init__(configs, accesses, compute, name="meta-dagger")
        family, number = self.access.family, len(self.seeds)
        self.tasks = np.arange(self.train.tasks)
        # The members of an agent act in its environments, each in its own.
        self.environments = environments_together(
            accesses, np.tile(self.tasks, self.members), threads=self.compute.threads
        )
        room = max(0, self.iterations - self.config.warm_up_iterations) * family.horizon
        shape = (number, self.train.tasks, room)
        self.states = torch.zeros((*shape, family.observation_size), device=self.device)
        """Normalised states that the learners visited, (M, N, room, O); the first ``gathered``."""
        self.labels = torch.zeros((*shape, family.action_size), device=self.device)
        """The experts' actions in these states, (M, N, room, A)."""
        self.gathered = 0
        self._filled = torch.zeros((), device=self.device)
        """The same number, where batches are sampled."""
        first = torch.arange(number, device=self.device) * self.train.tasks
        self._first_task = first[:, None]
        """Of each training among the tasks of all, (M, 1)."""

    def iterate(self) -> list[dict[str, float]]:
        """One iteration: an episode of every task, then updates.

        Returns:
            What to log of each training.
        """
        if self.iteration >= self.config.warm_up_iterations:
            self._gather()
        logs = super().iterate()
        for index, log in enumerate(logs):
            counts = self.accesses[index // self.members].counts
            log["charts/env_steps"] = float(counts.env_steps)
            log["charts/expert_queries"] = float(counts.expert_queries)
        return logs

    def member_state(self, index: int) -> dict[str, Any]:
        """Everything that continues a training exactly, but streams; visited states included."""
        visited, labels = self.states[index, :, : self.gathered], self.labels[index]
        return {
            **super().member_state(index),
            "visited": visited,
            "labels": labels[:, : self.gathered],
            "gathered": self.gathered,
        }

    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`member_state` returned."""
        super().load_member_state(index, state)
        self.states[index, :, : state["gathered"]] = state["visited"].to(self.device)
        self.labels[index, :, : state["gathered"]] = state["labels"].to(self.device)
        self._count(int(in_step(index, self.gathered, state["gathered"])))

    def _gather(self) -> None:
        """Act for an episode in each task, and ask the experts for their actions."""
        environments, number = self.environments, len(self.tasks)
        embeddings = self._embeddings()
        for index, rng in enumerate(self.rngs):
            environments.reset(rng, index * number + np.arange(number))
        visited: list[FloatArray] = []
        for _ in range(self.access.family.horizon):
            visited.append(environments.observe())
            environments.step(self._act(visited[-1], embeddings))
        observations = np.stack(visited, axis=1)
        where = slice(self.gathered, self.gathered + len(visited))
        tasks = np.repeat(self.tasks, len(visited))
        for index, (own, rng) in enumerate(
            zip(np.split(observations, len(self.rngs)), self.rngs, strict=True)
        ):
            access = self.accesses[index // self.members]
            labels = access.expert_actions(tasks, own.reshape(len(tasks), -1), rng)
            self.states[index, :, where] = to_device(self.data.normaliser(own), self.device)
            acted = labels.reshape(number, len(visited), -1)
            self.labels[index, :, where] = to_device(acted, self.device)
        self._count(where.stop)

    @torch.no_grad()
    def _embeddings(self) -> Tensor:
        """Embeddings (M, N, Z) of every task, whose contexts have each size in turn."""
        streams, horizon = self.streams, self.access.family.horizon
        sizes = self.context_sizes
        shots = sizes[self.gathered // horizon % len(sizes)]
        tasks = torch.from_numpy(self.tasks).to(self.device).expand(len(streams), -1)
        streams.begin()
        features, _ = self.train.sample_contexts(streams, tasks, shots, horizon)
        embeddings: Tensor = self.encoder(features)
        return embeddings

    def _act(self, observations: FloatArray, embeddings: Tensor) -> Float32Array:
        """The learners' most likely actions (M · N, A) in observations (M · N, O).

        Actions that are not finite are those of a training that has diverged; 0 is applied.
        """
        states = to_device(self.data.normaliser(observations), self.device)
        seen = torch.cat((states.view(*embeddings.shape[:2], -1), embeddings), -1)
        actions: Float32Array = self.policy.act(seen).flatten(0, 1).cpu().numpy()
        return self.access.family.admissible(np.where(np.isfinite(actions), actions, 0.0))

    def _count(self, gathered: int) -> None:
        self.gathered = gathered
        self._filled.fill_(gathered)

    @property
    def _visited(self) -> int:
        """How many states of each task in a batch the learners visited."""
        share = self.config.visited_fraction if self.gathered else 0.0
        return round(share * self.config.states_per_task)

    def _kind_of_batch(self) -> int:
        """What the shapes of a batch depend on, beside the size of its contexts."""
        return self._visited

    def _labelled(self, tasks: Tensor, held_out: Tensor) -> tuple[Tensor, Tensor]:
        """States (M, B, n, O), the first of them visited, and the experts' actions (M, B, n, A)."""
        states, actions = super()._labelled(tasks, held_out)
        if not (visited := self._visited):
            return states, actions
        which = self.streams.integers(self._filled, tasks.shape[1], visited)
        rows = (self._first_task + tasks)[..., None] * self.states.shape[2] + which
        own, labels = (take_rows(each.flatten(0, 2), rows) for each in (self.states, self.labels))
        return (
            torch.cat((own, states[:, :, visited:]), 2),
            torch.cat((labels, actions[:, :, visited:]), 2),
        )


def make_trainings(
    configs: Sequence[MetaDAggerConfig],
    accesses: Sequence[Access],
    compute: Compute | None = None,
) -> MetaDAgger:
    """The trainings of some agents, one configuration and access each.

    Raises:
        InputError: settings that cannot be trained on this access, or not together; or a track
            without expert labels.
    """
    return MetaDAgger(configs, accesses, compute)
