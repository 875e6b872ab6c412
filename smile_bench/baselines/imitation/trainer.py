"""What the trainings of agents have in common: members, agents, and scores on the way.

S agents of K members each are M = S · K trainings of one computation. The members of an agent act
by the mean of their actions (deep ensembles, Lakshminarayanan et al. 2017, arXiv:1612.01474, for
actions in place of predictions): on an unseen task each member errs in its own way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from smile_bench.access import Access
from smile_bench.access.together import validate_together
from smile_bench.agents import Agent
from smile_bench.baselines.imitation.context_sizes import as_fact
from smile_bench.baselines.imitation.imitator import Imitator, ImitatorConfig, Member
from smile_bench.baselines.imitation.prepared import PreparedDemonstrations
from smile_bench.baselines.imitation.watched import WatchedAgent
from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.compute import Compute
from smile_bench.learning.stacking import diverged, stopped_before
from smile_bench.learning.streams import Streams

__all__ = ["AgentTrainings", "ImitatorTrainings"]


class TrainingConfig(Protocol):
    """Settings that every training has; a frozen dataclass."""

    @property
    def seed(self) -> int:
        """Of all randomness."""

    @property
    def members(self) -> int:
        """How many trainings act together."""

    @property
    def validate_every(self) -> int:
        """Iterations between two scores on the meta-validation tasks; 0 for none."""


class SavedAgent(Agent, Protocol):
    """An agent that can be stored."""

    @property
    def state_only(self) -> bool:
        """Whether it gets contexts without actions."""

    def save(self, path: Path) -> None:
        """Write it to a file."""


class AgentTrainings(ABC):
    """Trainings of S agents that can be saved after any iteration and continued exactly.

    Agent s with seed i and K members is the trainings K s to K s + K - 1 of the M, whose seeds are
    i K to i K + K - 1.

    Args:
        name: what the agents are called.
        configs: settings, one an agent.
        accesses: to the family, one an agent; they count what is used.
        compute: how to compute.

    Raises:
        InputError: no agent, or fewer than one member.
    """

    def __init__(
        self,
        name: str,
        configs: Sequence[Any],
        accesses: Sequence[Access],
        compute: Compute,
    ) -> None:
        if not configs or len(configs) != len(accesses):
            raise InputError(
                f"{len(configs)} trainings and {len(accesses)} accesses were given; give one "
                "access to each training, and at least one."
            )
        first: TrainingConfig = configs[0]
        self.members = first.members
        """K."""
        if self.members < 1:
            raise InputError(f"an agent cannot have {self.members} members; give 1 or more.")
        self.name, self.accesses, self.compute = name, accesses, compute
        self.access, self.device = accesses[0], compute.device
        self.settings = [asdict(config) for config in configs]
        self.seeds = [c.seed * self.members + k for c in configs for k in range(self.members)]
        """Of each of the M trainings."""
        self.streams = Streams(self.seeds, compute.device)
        self.rngs = [np.random.default_rng(seed) for seed in self.seeds]
        """Sources of randomness on the host, one a training: where episodes begin."""
        self.validate_every = first.validate_every
        self.context_sizes = tuple(self.access.family.context_sizes)
        """Numbers of demonstrations in a context; updates take them in turn."""
        self.iteration = 0
        self.stopped: list[DivergedError | None] = [None] * len(configs)
        """Why each agent's training has stopped, if it has."""

    @property
    @abstractmethod
    def iterations(self) -> int:
        """How many iterations the trainings have."""

    @abstractmethod
    def iterate(self) -> list[dict[str, float]]:
        """Do one iteration.

        Returns:
            What to log of each of the M trainings.
        """

    @abstractmethod
    def failures(self) -> list[list[str]]:
        """The names of what is not finite of each of the M trainings."""

    @abstractmethod
    def agent(self, index: int, recipe: Mapping[str, Any]) -> SavedAgent:
        """Agent ``index`` as it stands; :meth:`stated` joins its recipe."""

    @abstractmethod
    def member_state(self, index: int) -> dict[str, Any]:
        """Everything that continues training ``index`` of the M exactly, but streams."""

    @abstractmethod
    def load_member_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`member_state` returned."""

    def held_out_losses(self) -> list[dict[str, float]]:
        """Losses of each of the M trainings on the meta-validation demonstrations, by name."""
        return [{} for _ in self.seeds]

    def step(self) -> list[Mapping[str, float] | DivergedError]:
        """One iteration of every training.

        Returns:
            Of each agent what to log: means over its members, its counts and, at some iterations,
            its metrics on meta-validation tasks. A training that met a number that is not finite
            has stopped, and gives the reason from then on.
        """
        logs = [_means(rows) for rows in self._split(self.iterate())]
        self.iteration += 1
        for agent, failed in enumerate(self._split(self.failures())):
            names = sorted({name for member in failed for name in member})
            if names and self.stopped[agent] is None:
                self.stopped[agent] = diverged(names, self.iteration)
        for log, more in zip(logs, self._scores(), strict=True):
            log |= more
        return [
            log if reason is None else reason
            for log, reason in zip(logs, self.stopped, strict=True)
        ]

    def stated(self, index: int) -> dict[str, Any]:
        """What the recipe of agent ``index`` says: its settings and what it has used."""
        counts = asdict(self.accesses[index].counts)
        return {"settings": self.settings[index], "access": counts}

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything that continues the training of agent ``index`` exactly."""
        members = []
        for each in range(index * self.members, (index + 1) * self.members):
            own = {"streams": self.streams.state_dict(each), **self.member_state(each)}
            members.append({"rng": self.rngs[each].bit_generator.state, **own})
        used = self.accesses[index].state_dict()
        return {"iteration": self.iteration, "access": used, "members": members}

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state an agent.

        A state of an earlier iteration than the latest is of a training that has stopped; it fills
        the training's place.
        """
        self.iteration = max(state["iteration"] for state in states)
        for index, state in enumerate(states):
            self.stopped[index] = stopped_before(self.iteration, state["iteration"])
            self.accesses[index].restore(state["access"])
            mine = range(index * self.members, (index + 1) * self.members)
            for each, own in zip(mine, state["members"], strict=True):
                self.streams.load_state_dict(each, own["streams"])
                self.rngs[each].bit_generator.state = own["rng"]
                self.load_member_state(each, own)

    def _scores(self) -> list[dict[str, float]]:
        """Losses and metrics on the meta-validation tasks, at the iterations that are scored."""
        scores: list[dict[str, float]] = [{} for _ in self.accesses]
        if not self.validate_every or self.iteration % self.validate_every:
            return scores
        losses = [_means(rows) for rows in self._split(self.held_out_losses())]
        running = [index for index, reason in enumerate(self.stopped) if reason is None]
        agents = [WatchedAgent(self.agent(index, {})) for index in running]
        accesses = [self.accesses[index] for index in running]
        metrics = validate_together(accesses, agents, threads=self.compute.threads)
        for index, agent, own in zip(running, agents, metrics, strict=True):
            if agent.diverged:
                self.stopped[index] = diverged(["actions"], self.iteration)
            named = {f"validation/{name}": value for name, value in own.items()}
            scores[index] = losses[index] | named
        return scores

    def _split(self, rows: list[Any]) -> list[list[Any]]:
        """The rows of the M trainings, by agent."""
        each = self.members
        return [rows[start : start + each] for start in range(0, len(rows), each)]


class ImitatorTrainings(AgentTrainings):
    """Trainings of agents that encode their context; arguments and errors as there."""

    imitator_config: ImitatorConfig
    data: PreparedDemonstrations

    @abstractmethod
    def member(self, index: int) -> Member:
        """A copy of the networks of training ``index`` of the M, to act with."""

    def agent(self, index: int, recipe: Mapping[str, Any]) -> Imitator:
        """Agent ``index`` as it stands; settings and access counts join its recipe."""
        mine = range(index * self.members, (index + 1) * self.members)
        return Imitator(
            self.name,
            self.imitator_config,
            [self.member(each) for each in mine],
            self.data.normaliser,
            {**recipe, **as_fact(self.access, self.context_sizes), **self.stated(index)},
            self.data.outlier_filter,
        )


def _means(logs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each number over logs of the same names."""
    return {name: float(np.mean([log[name] for log in logs])) for name in logs[0]}
