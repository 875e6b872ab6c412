"""Several trainings of one configuration that differ in their seed and act together.

What an imitator does on a task that it has never met varies with its seed far more than what it
does on those that it trained on; the mean of several is steadier (deep ensembles, Lakshminarayanan
et al. 2017, arXiv:1612.01474, for actions in place of predictions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from smile_bench.access import Access
from smile_bench.baselines.checkpoint import Checkpointed, Tensors
from smile_bench.baselines.imitator import Imitator
from smile_bench.baselines.meta_bc import MetaBCConfig
from smile_bench.baselines.smile_config import SMILeConfig
from smile_bench.baselines.training import Training

__all__ = ["AgentTraining", "Ensemble", "ensemble"]

Config = TypeVar("Config", bound=SMILeConfig | MetaBCConfig)


class AgentTraining(Training, Protocol):
    """A training whose outcome is an imitator."""

    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        """The agent as it stands; ``recipe`` joins settings and access counts."""

    def packed(self) -> tuple[Tensors, dict[str, Any]]:
        """Everything that going on exactly needs."""

    def unpack(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Go on from what ``packed`` gave."""


def ensemble(
    config: Config, members: int, make: Callable[[Config], AgentTraining], access: Access
) -> AgentTraining:
    """A training of several members; just the one of the configuration for a single member.

    Args:
        config: of all. Its seed s gives member k the seed s · members + k.
        members: how many.
        make: the training of a configuration, on ``access``.
        access: what all members use together.
    """
    if members == 1:
        return make(config)
    # The whole is scored, not its parts.
    alone = replace(config, validate_every=0)
    first = config.seed * members
    made = [make(replace(alone, seed=first + member)) for member in range(members)]
    return Ensemble(config, made, access)


class Ensemble(Checkpointed):
    """A training of independent members, one iteration of each at a time.

    Args:
        config: of all, with the seed of the whole.
        members: their trainings, on ``access``.
        access: where it is counted what they use, and the whole is scored.
    """

    def __init__(
        self, config: SMILeConfig | MetaBCConfig, members: Sequence[AgentTraining], access: Access
    ) -> None:
        self.config, self.members, self.access = config, members, access
        self.iteration = 0

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as data, and the number of members."""
        return {**asdict(self.config), "members": len(self.members)}

    @property
    def iterations(self) -> int:
        """How many iterations the training has; each is one of every member."""
        return self.members[0].iterations

    def step(self) -> dict[str, float]:
        """One iteration of every member.

        Returns:
            What to log: means over the members, and what all of them have used; at some iterations
            the metrics on meta-validation tasks.

        Raises:
            DivergedError: a loss of a member is not finite.
        """
        logs = [member.step() for member in self.members]
        log = {name: float(np.mean([each[name] for each in logs])) for name in logs[0]}
        self.iteration += 1
        for name in ("env_steps", "expert_queries"):
            if f"charts/{name}" in log:
                log[f"charts/{name}"] = float(getattr(self.access.counts, name))
        every = self.config.validate_every
        if every and self.iteration % every == 0:
            metrics = self.access.validate(self.agent({}))
            log |= {f"validation/{name}": value for name, value in metrics.items()}
        return log

    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        """The agent as it stands: every member's networks."""
        agents = [member.agent({}) for member in self.members]
        return Imitator(
            agents[0].name,
            replace(agents[0].config, members=len(agents)),
            [acting for agent in agents for acting in agent.members],
            agents[0].normaliser,
            {**recipe, "settings": self.settings, "access": asdict(self.access.counts)},
        )

    def packed(self) -> tuple[Tensors, dict[str, Any]]:
        """Everything that going on exactly needs, of every member."""
        tensors: Tensors = {}
        states = []
        for index, member in enumerate(self.members):
            own, state = member.packed()
            tensors |= {f"{index}.{name}": tensor for name, tensor in own.items()}
            states.append(state)
        return tensors, {
            "config": self.settings,
            "iteration": self.iteration,
            "access": asdict(self.access.counts),
            "members": states,
        }

    def unpack(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`packed` gave."""
        for index, (member, own) in enumerate(zip(self.members, state["members"], strict=True)):
            start = f"{index}."
            named = {
                name[len(start) :]: tensor
                for name, tensor in tensors.items()
                if name.startswith(start)
            }
            member.unpack(named, own)
        self.iteration = state["iteration"]
        self.access.restore(state["access"])
