"""Several trainings of one configuration that differ in their seed and act together.

They act by the mean of their actions (deep ensembles, Lakshminarayanan et al. 2017,
arXiv:1612.01474, for actions in place of predictions): on an unseen task each member errs in its
own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from smile_bench.access import Access
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.errors import InputError

__all__ = ["Ensemble", "make_ensemble"]


class MemberConfig(Protocol):
    """Settings that an ensemble needs to know; a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def seed(self) -> int:
        """Of all randomness."""

    @property
    def members(self) -> int:
        """How many trainings act together."""

    @property
    def validate_every(self) -> int:
        """Iterations between two scores on the meta-validation tasks; 0 for none."""


Config = TypeVar("Config", bound=MemberConfig)
Trainer = TypeVar("Trainer", bound=ImitatorTrainer)


def make_ensemble(
    config: Config, make: Callable[[Config, Trainer | None], Trainer], access: Access
) -> ImitatorTrainer:
    """A training of ``config.members`` members; the training itself if there is one member.

    Args:
        config: of all. Seed s gives member k of n the seed s · n + k.
        make: the training of a configuration on ``access``, beside the first member if there is
            one already.
        access: which all members use.

    Raises:
        InputError: fewer than one member.
    """
    number = config.members
    if number < 1:
        raise InputError(f"an agent cannot have {number} members; give 1 or more.")
    if number == 1:
        return make(config, None)
    # Only the ensemble is scored, not its members.
    made: list[Trainer] = []
    for member in range(number):
        seed = config.seed * number + member
        own = replace(config, members=1, validate_every=0, seed=seed)
        made.append(make(own, made[0] if made else None))
    return Ensemble(asdict(config), config.validate_every, made, access)


class Ensemble(ImitatorTrainer):
    """A training of several members; an iteration is one iteration of each.

    Args:
        settings: of the ensemble, as JSON-able data.
        validate_every: iterations between two scores on the meta-validation tasks; 0 for none.
        members: their trainings, on ``access``.
        access: which counts what they use, and scores the ensemble.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        validate_every: int,
        members: Sequence[ImitatorTrainer],
        access: Access,
    ) -> None:
        super().__init__(members[0].name, access, settings, validate_every)
        self.members = members

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.members[0].iterations

    def step(self) -> dict[str, float]:
        """One iteration of every member.

        Returns:
            What to log: means over the members, what all of them have used and, at some
            iterations, the metrics on meta-validation tasks.

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
        return Imitator(
            self.name,
            agents[0].config,
            [pair for agent in agents for pair in agent.members],
            agents[0].normaliser,
            self.joined(recipe),
            agents[0].outlier_filter,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly, of every member."""
        members = [member.state_dict() for member in self.members]
        return {"iteration": self.iteration, "members": members}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        for member, own in zip(self.members, state["members"], strict=True):
            member.load_state_dict(own)
        self.iteration = state["iteration"]


def _means(logs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each number over logs of the same names."""
    return {name: float(np.mean([log[name] for log in logs])) for name in logs[0]}
