"""What the loop runs: one training, or several that are one computation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.stacking import stopped_before

__all__ = ["Alone", "Interleaved", "Training", "Trainings", "not_finite"]


class Training(Protocol):
    """What the loop asks of a training."""

    @property
    def iteration(self) -> int:
        """How many iterations are done."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The configuration as JSON-able data; a checkpoint of another one is refused."""

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""

    def step(self) -> Mapping[str, float]:
        """Do one iteration; return what to log."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly, as :mod:`checkpoint` can store it."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""


class Trainings(Protocol):
    """M trainings that are one computation; each is stored as if it ran alone."""

    @property
    def iteration(self) -> int:
        """How many iterations are done, by all that have not stopped."""

    @property
    def settings(self) -> Sequence[Mapping[str, Any]]:
        """The configuration of each as JSON-able data; a checkpoint of another one is refused."""

    @property
    def iterations(self) -> int:
        """How many iterations each training has."""

    def step(self) -> Sequence[Mapping[str, float] | DivergedError]:
        """Do one iteration of all.

        Returns:
            What to log of each, or why it has stopped. A training that has stopped keeps returning
            its error, and the others continue.
        """

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything that continues training ``index`` exactly, as :mod:`checkpoint` stores it."""

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned for each training.

        A state of an earlier iteration than the latest is of a training that has stopped; it fills
        the training's place.
        """


class Interleaved:
    """Single trainings as one: an iteration is one iteration of each, in turn.

    A training gives the same numbers here as alone.

    Args:
        trainings: of equally many iterations.

    Raises:
        InputError: no training, or trainings of different lengths.
    """

    def __init__(self, trainings: Sequence[Training]) -> None:
        lengths = sorted({training.iterations for training in trainings})
        if len(lengths) != 1:
            raise InputError(
                "trainings that run together need the same number of iterations; got "
                f"{', '.join(map(str, lengths)) or 'no training'}. Run them one after another."
            )
        self.trainings = list(trainings)
        self.iterations = lengths[0]
        self._stopped: list[DivergedError | None] = [None] * len(self.trainings)

    @property
    def iteration(self) -> int:
        """How many iterations are done, by all that have not stopped."""
        return max(training.iteration for training in self.trainings)

    @property
    def settings(self) -> list[Mapping[str, Any]]:
        """The configuration of each."""
        return [training.settings for training in self.trainings]

    def step(self) -> list[Mapping[str, float] | DivergedError]:
        """Do one iteration of each that has not stopped.

        Returns:
            What to log of each, or why it has stopped. A training whose numbers are not finite
            returns them, and stops after it.
        """
        return [self._step(index) for index in range(len(self.trainings))]

    def _step(self, index: int) -> Mapping[str, float] | DivergedError:
        if (reason := self._stopped[index]) is not None:
            return reason
        training = self.trainings[index]
        try:
            log = training.step()
        except DivergedError as error:
            self._stopped[index] = error
            return error
        if names := not_finite(log):
            self._stopped[index] = DivergedError(
                f"{names} became non-finite at iteration {training.iteration}."
            )
        return log

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything that continues training ``index`` exactly."""
        return self.trainings[index].state_dict()

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from the state of each training; one of an earlier iteration has stopped."""
        for training, state in zip(self.trainings, states, strict=True):
            training.load_state_dict(state)
        latest = self.iteration
        self._stopped = [stopped_before(latest, each.iteration) for each in self.trainings]

    def agent(self, index: int, recipe: Mapping[str, Any]) -> Any:
        """The agent of training ``index`` as it stands."""
        training: Any = self.trainings[index]
        return training.agent(recipe)


class Alone:
    """The training of a computation that holds one.

    Args:
        trainings: the computation.

    Raises:
        InputError: it does not hold exactly one training.
    """

    def __init__(self, trainings: Trainings) -> None:
        if len(trainings.settings) != 1:
            raise InputError(
                f"expected a computation of one training; got {len(trainings.settings)}."
            )
        self.trainings = trainings

    @property
    def iteration(self) -> int:
        """How many iterations are done."""
        return self.trainings.iteration

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.trainings.iterations

    @property
    def settings(self) -> Mapping[str, Any]:
        """The configuration."""
        return self.trainings.settings[0]

    def step(self) -> Mapping[str, float]:
        """Do one iteration; return what to log.

        Raises:
            DivergedError: the training has stopped.
        """
        (log,) = self.trainings.step()
        if isinstance(log, DivergedError):
            raise log
        return log

    def state_dict(self) -> dict[str, Any]:
        """Everything that continues the training exactly."""
        return self.trainings.state_dict(0)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned."""
        self.trainings.load_state_dict([state])

    def agent(self, recipe: Mapping[str, Any]) -> Any:
        """The agent as it stands."""
        trainings: Any = self.trainings
        return trainings.agent(0, recipe)


def not_finite(log: Mapping[str, float]) -> str:
    """The names of the numbers that are not finite, for a message; empty if all are."""
    return ", ".join(name for name, value in log.items() if not math.isfinite(value))
