"""What every training of an imitator has: settings, an agent, a checkpoint, scores on the way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smile_bench.access import Access
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.learning.checkpoint import Tensors, load_checkpoint, save_checkpoint

__all__ = ["ImitatorTrainer"]


class ImitatorTrainer(ABC):
    """A training that can be saved after any iteration and resumed to the same numbers.

    Args:
        access: to the family; what is used of it is counted there.
        settings: the configuration as JSON-able data.
        validate_every: iterations between two scores on the meta-validation tasks; 0 for none.
    """

    def __init__(self, access: Access, settings: dict[str, Any], validate_every: int) -> None:
        self.access, self.settings, self.validate_every = access, settings, validate_every
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
    def packed(self) -> tuple[Tensors, dict[str, Any]]:
        """Tensors and JSON-able data that going on exactly needs, to be written before it does.

        The data's ``"config"`` says whose they are.
        """

    @abstractmethod
    def unpack(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`packed` gave."""

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        save_checkpoint(path, *self.packed())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        self.unpack(*load_checkpoint(path))

    def held_out_losses(self) -> dict[str, float]:
        """Losses on the meta-validation demonstrations, by the names that they are logged under."""
        return {}

    def scores(self) -> dict[str, float]:
        """Losses and metrics on the meta-validation tasks; none where they are not due."""
        if not self.validate_every or self.iteration % self.validate_every:
            return {}
        metrics = self.access.validate(self.agent({}))
        named = {f"validation/{name}": value for name, value in metrics.items()}
        return {**self.held_out_losses(), **named}

    def joined(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """A recipe with settings and access counts."""
        return {**recipe, "settings": self.settings, "access": asdict(self.access.counts)}
