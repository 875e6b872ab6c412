"""What the trainings of experts share: family, curriculum, settings, packing the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs import get_mujoco_family
from smile_bench.envs.mujoco.simulator import Simulator
from smile_bench.envs.simulation import sample_starts
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.curricula import CURRICULA, Curriculum

__all__ = ["ExpertTrainer", "ExpertTrainerConfig"]


class ExpertTrainerConfig(Protocol):
    """Settings that every training of an expert has; a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def family(self) -> str:
        """The family's id."""

    @property
    def curriculum(self) -> str:
        """Which tasks and rewards, a name of ``CURRICULA``."""

    @property
    def seed(self) -> int:
        """Of all randomness."""

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""

    @property
    def envs(self) -> int:
        """Episodes in lockstep."""

    @property
    def threads(self) -> int:
        """Native threads of the simulator."""


Config = TypeVar("Config", bound=ExpertTrainerConfig)


class ExpertTrainer(Generic[Config]):
    """Episodes in lockstep of a policy that is told the task.

    Args:
        config: settings.
        curriculum: by default the one that the settings name.
    """

    algorithm: ClassVar[str]
    activation: ClassVar[str]
    """Of the hidden layers, as :class:`Expert` names it."""
    squash: ClassVar[str]
    """Of the output, as :class:`Expert` names it."""

    def __init__(self, config: Config, curriculum: Curriculum | None = None) -> None:
        self.config = config
        self.family = get_mujoco_family(config.family)
        self.curriculum = curriculum or CURRICULA[config.curriculum]
        self.simulator = Simulator(self.family, config.envs, threads=config.threads)
        self.rng = np.random.default_rng(config.seed)
        self.iteration = 0
        neutral = self.family.privileged(
            np.zeros((1, self.family.observation_size)),
            np.ones((1, len(self.family.parameter_names))),
        )
        self.features = int(neutral.shape[1])
        """F, how many numbers the policy sees."""

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration and the curriculum as data."""
        return {**asdict(self.config), "curriculum_settings": asdict(self.curriculum)}

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.config.iterations

    def sample_starts(self, ids: IntArray) -> FloatArray:
        """Initial states (len(ids), S) for the tasks of environments ``ids``."""
        parameters = self.simulator.parameters[ids]
        return sample_starts(self.simulator, self.rng, parameters)

    def pack(
        self,
        layers: Iterable[nn.Module],
        mean: NDArray[Any],
        scale: NDArray[Any],
        recipe: dict[str, Any],
        *,
        feature_clip: float = float("inf"),
    ) -> Expert:
        """A network as an expert to store; of a last layer that gives more, only the actions.

        Args:
            layers: of the network, those that are linear in order.
            mean: of the features, (F,).
            scale: of the features, (F,).
            recipe: joins the algorithm and its settings.
            feature_clip: bound of the normalised features.
        """
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        weights = [layer.weight.detach().numpy().copy() for layer in linear]
        biases = [layer.bias.detach().numpy().copy() for layer in linear]
        actions = self.family.body.actions
        weights[-1], biases[-1] = weights[-1][:actions], biases[-1][:actions]
        return Expert(
            family=self.family.id,
            weights=tuple(weights),
            biases=tuple(biases),
            mean=mean.astype(np.float32),
            scale=scale.astype(np.float32),
            activation=self.activation,
            squash=self.squash,
            feature_clip=feature_clip,
            recipe={"algorithm": self.algorithm, "config": self.settings, **recipe},
        )
