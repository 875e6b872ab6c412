"""What every training of an imitator has: settings, an agent, and scores on the way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from smile_bench.access import Access
from smile_bench.baselines.imitation.imitator import Imitator

__all__ = ["ImitatorTrainer"]


class ImitatorTrainer(ABC):
    """A training that can be saved after any iteration and continued to the same numbers.

    Args:
        name: what the agent is called.
        access: to the family; it counts what is used.
        settings: the configuration as JSON-able data.
        validate_every: iterations between two scores on the meta-validation tasks; 0 for none.
    """

    def __init__(
        self, name: str, access: Access, settings: dict[str, Any], validate_every: int
    ) -> None:
        self.name, self.access, self.settings = name, access, settings
        self.validate_every = validate_every
        self.iteration = 0

    @property
    @abstractmethod
    def iterations(self) -> int:
        """How many iterations the training has."""

    @abstractmethod
    def step(self) -> dict[str, float]:
        """Do one iteration.

        Returns:
            What to log, :meth:`scores` included.

        Raises:
            DivergedError: a loss is not finite.
        """

    @abstractmethod
    def agent(self, recipe: Mapping[str, Any]) -> Imitator:
        """The agent as it stands; settings and access counts join its recipe."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""

    def held_out_losses(self) -> dict[str, float]:
        """Losses on the meta-validation demonstrations, by the names they are logged under."""
        return {}

    def scores(self) -> dict[str, float]:
        """Losses and metrics on the meta-validation tasks, at the iterations that are scored."""
        if not self.validate_every or self.iteration % self.validate_every:
            return {}
        metrics = self.access.validate(self.agent({}))
        named = {f"validation/{name}": value for name, value in metrics.items()}
        return {**self.held_out_losses(), **named}

    def joined(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """A recipe with settings and access counts."""
        return {**recipe, "settings": self.settings, "access": asdict(self.access.counts)}
