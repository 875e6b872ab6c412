"""What the trainings of experts share: iterations, states, and storing the result.

M trainings are one computation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from torch import nn

from smile_bench.errors import DivergedError, InputError
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.curricula import Curriculum
from smile_bench.experts.training.episodes import Config, Episodes
from smile_bench.experts.training.running_normaliser import RunningNormaliser
from smile_bench.learning.compute import Compute
from smile_bench.learning.stacking import diverged, require_stackable, stopped_before
from smile_bench.learning.streams import Streams

__all__ = ["ExpertTrainings"]


class ExpertTrainings(Episodes[Config], ABC):
    """M trainings of policies that see the task, saved after any iteration and continued exactly.

    Args:
        configs: settings, one a training; they may differ in the seed.
        curricula: one a training, all of one class; by default those that the settings name.
        compute: how to compute. The settings give the simulator's threads.

    Raises:
        InputError: no training, or settings that cannot be trained together.
    """

    algorithm: ClassVar[str]
    activation: ClassVar[str]
    """Of the hidden layers, as :class:`Expert` names it."""
    squash: ClassVar[str]
    """Of the output, as :class:`Expert` names it."""
    normaliser: RunningNormaliser

    def __init__(
        self,
        configs: Sequence[Config],
        curricula: Sequence[Curriculum] | None = None,
        compute: Compute | None = None,
    ) -> None:
        if not configs:
            raise InputError("no settings were given; give those of at least one training.")
        require_stackable(configs, ("seed",))
        super().__init__(configs, curricula)
        self.compute = compute or Compute()
        self.streams = Streams([each.seed for each in configs], self.compute.device)
        self.stopped: list[DivergedError | None] = [None] * len(configs)
        """Why each training has stopped, if it has."""
        neutral = self.family.privileged(
            np.zeros((1, self.family.observation_size)),
            np.ones((1, len(self.family.parameter_names))),
        )
        self.features = int(neutral.shape[1])
        """F, length of the policy's input."""

    @property
    def settings(self) -> list[Mapping[str, Any]]:
        """The configuration and the curriculum of each as data."""
        pairs = zip(self.configs, self.curricula, strict=True)
        return [{**asdict(own), "curriculum_settings": asdict(each)} for own, each in pairs]

    @property
    def iterations(self) -> int:
        """How many iterations each training has."""
        return self.config.iterations

    @abstractmethod
    def iterate(self) -> list[dict[str, float]]:
        """Do one iteration; return what to log of each training."""

    @abstractmethod
    def failures(self) -> list[list[str]]:
        """The names of what is not finite of each training."""

    @abstractmethod
    def policy_layers(self, index: int) -> Iterable[nn.Module]:
        """A copy of a training's policy on the CPU: its layers, in order."""

    @abstractmethod
    def learner_state(self, index: int) -> dict[str, Any]:
        """What was learnt and collected by a training."""

    @abstractmethod
    def load_learner_state(self, index: int, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`learner_state` returned."""

    def step(self) -> list[Mapping[str, float] | DivergedError]:
        """One iteration of every training.

        Returns:
            Of each what to log. A training that met a number that is not finite has stopped, and
            gives the reason from then on.
        """
        logs = self.iterate()
        self.iteration += 1
        for index, names in enumerate(self.failures()):
            if names and self.stopped[index] is None:
                self.stopped[index] = diverged(names, self.iteration)
        pairs = zip(logs, self.stopped, strict=True)
        return [log if reason is None else reason for log, reason in pairs]

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything that continues a training exactly."""
        return {
            "iteration": self.iteration,
            "normaliser": self.normaliser.state_dict(index),
            "streams": self.streams.state_dict(index),
            "rng": self.rngs[index].bit_generator.state,
            **self.learner_state(index),
        }

    def load_state_dict(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`state_dict` returned, one state a training.

        A state of an earlier iteration than the latest is of a training that has stopped; it fills
        the training's place.
        """
        self.iteration = max(state["iteration"] for state in states)
        for index, state in enumerate(states):
            self.normaliser.load_state_dict(index, state["normaliser"])
            self.streams.load_state_dict(index, state["streams"])
            self.rngs[index].bit_generator.state = state["rng"]
            self.load_learner_state(index, state)
            self.stopped[index] = stopped_before(self.iteration, state["iteration"])

    def expert(self, index: int, recipe: Mapping[str, Any]) -> Expert:
        """A training's policy, without exploration, to store.

        Args:
            index: of the training.
            recipe: joins the algorithm and its settings.
        """
        linear = [each for each in self.policy_layers(index) if isinstance(each, nn.Linear)]
        weights = [layer.weight.detach().numpy().copy() for layer in linear]
        biases = [layer.bias.detach().numpy().copy() for layer in linear]
        # Outputs beyond the actions are the widths of a Gaussian.
        actions, normaliser = self.family.body.actions, self.normaliser
        weights[-1], biases[-1] = weights[-1][:actions], biases[-1][:actions]
        return Expert(
            family=self.family.id,
            weights=tuple(weights),
            biases=tuple(biases),
            mean=normaliser.mean[index].astype(np.float32),
            scale=normaliser.scale[index].astype(np.float32),
            activation=self.activation,
            squash=self.squash,
            feature_clip=normaliser.clip,
            recipe={"algorithm": self.algorithm, "config": self.settings[index], **recipe},
        )
