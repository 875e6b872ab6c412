"""Several trainings of one configuration that differ in their seed and act together.

They act by the mean of their actions (deep ensembles, Lakshminarayanan et al. 2017,
arXiv:1612.01474, for actions in place of predictions): where they have not been, on the body of
an unseen task, each errs in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np

from smile_bench.access import Access
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.meta_bc.training import MetaBCConfig
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.errors import InputError
from smile_bench.learning.checkpoint import Tensors

__all__ = ["Ensemble", "ensemble"]

Config = TypeVar("Config", bound=SMILeConfig | MetaBCConfig)


def ensemble(
    config: Config, members: int, make: Callable[[Config], ImitatorTrainer], access: Access
) -> ImitatorTrainer:
    """A training of several members; just the one of the configuration for a single member.

    Args:
        config: of all. Its seed s gives member k the seed s · members + k.
        members: how many.
        make: the training of a configuration, on ``access``.
        access: what all members use together.

    Raises:
        InputError: no members.
    """
    if members < 1:
        raise InputError(f"an agent can not have {members} members; give 1 or more.")
    if members == 1:
        return make(config)
    # The whole is scored, not its parts.
    alone, first = replace(config, validate_every=0), config.seed * members
    made = [make(replace(alone, seed=first + member)) for member in range(members)]
    return Ensemble(config, made, access)


class Ensemble(ImitatorTrainer):
    """A training of several members, one iteration of each at a time.

    Args:
        config: of all, with the seed of the whole; the settings say the number of members besides.
        members: their trainings, on ``access``.
        access: where it is counted what they use, and the whole is scored.
    """

    def __init__(
        self,
        config: SMILeConfig | MetaBCConfig,
        members: Sequence[ImitatorTrainer],
        access: Access,
    ) -> None:
        settings = {**asdict(config), "members": len(members)}
        super().__init__(access, settings, config.validate_every)
        self.members = members

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
        log = _means([member.step() for member in self.members])
        self.iteration += 1
        for name in ("env_steps", "expert_queries"):
            if f"charts/{name}" in log:
                log[f"charts/{name}"] = float(getattr(self.access.counts, name))
        return log | self.scores()

    def held_out_losses(self) -> dict[str, float]:
        """Means of the members' losses on the meta-validation demonstrations."""
        return _means([member.held_out_losses() for member in self.members])

    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        """The agent as it stands: every member's networks."""
        agents = [member.agent({}) for member in self.members]
        acting = [pair for agent in agents for pair in agent.members]
        return Imitator(
            agents[0].name,
            replace(agents[0].config, members=len(acting)),
            acting,
            agents[0].normaliser,
            self.joined(recipe),
            agents[0].trimming,
        )

    def packed(self) -> tuple[Tensors, dict[str, Any]]:
        """Everything that going on exactly needs, of every member."""
        tensors: Tensors = {}
        states = []
        for index, member in enumerate(self.members):
            own, state = member.packed()
            tensors |= {f"{index}.{name}": tensor for name, tensor in own.items()}
            states.append(state)
        state = {"config": self.settings, "iteration": self.iteration, "members": states}
        return tensors, state

    def unpack(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`packed` gave."""
        for index, (member, own) in enumerate(zip(self.members, state["members"], strict=True)):
            start = f"{index}."
            named = {
                name[len(start) :]: tensor
                for name, tensor in tensors.items()
                if name.startswith(start)
            }
            # Each knows what all had used.
            member.unpack(named, own)
        self.iteration = state["iteration"]


def _means(logs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each number over logs of the same names."""
    return {name: float(np.mean([log[name] for log in logs])) for name in logs[0]}
