"""What the trainings of experts share: episodes under a curriculum, and storing the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs import get_mujoco_family
from smile_bench.envs.mujoco.simulator import Simulator
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import sample_starts
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.curricula import CURRICULA, Curriculum

__all__ = ["ExpertTrainer", "ExpertTrainerConfig", "Summary", "TrainingStep", "summarise"]


class ExpertTrainerConfig(Protocol):
    """Settings that every training of an expert has; a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def family(self) -> str:
        """The family's id."""

    @property
    def curriculum(self) -> str:
        """Tasks and rewards, a name in ``CURRICULA``."""

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


class TrainingStep(NamedTuple):
    """One control step of N training episodes."""

    observations: FloatArray
    """Before the step, (N, O)."""
    actions: NDArray[Any]
    """(N, A)."""
    next_observations: FloatArray
    """After the step, (N, O); of an episode that terminated, its last."""
    movement: FloatArray
    """What the curriculum's reward needs of the step, (N, M)."""
    rewards: FloatArray
    """The curriculum's, (N,)."""
    terminated: BoolArray
    """Whether the curriculum ended the episode, (N,)."""
    metric: FloatArray
    """The family's primary metric of the episode so far, (N,)."""


class Summary(NamedTuple):
    """What a training logs of its episodes, exploration included."""

    metric: float
    """Mean of the family's metric over the episodes that terminated and, as it stands after the
    last step, the others."""
    reward: float
    """Mean reward of a step."""
    terminations: int
    """How many episodes terminated."""


def summarise(steps: Sequence[TrainingStep]) -> Summary:
    """Summarise steps that follow each other."""
    last = steps[-1]
    ended = [step.metric[step.terminated] for step in steps]
    metrics = np.concatenate((*ended, last.metric[~last.terminated]))
    return Summary(
        metric=float(metrics.mean()),
        reward=float(np.mean([step.rewards for step in steps])),
        terminations=sum(len(values) for values in ended),
    )


class ExpertTrainer(Generic[Config]):
    """Episodes in lockstep of a policy that sees the task.

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
        """F, length of the policy's input."""

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration and the curriculum as data."""
        return {**asdict(self.config), "curriculum_settings": asdict(self.curriculum)}

    @property
    def iterations(self) -> int:
        """How many iterations the training has."""
        return self.config.iterations

    def sample_starts(self, ids: IntArray) -> FloatArray:
        """Sample initial states (len(ids), S) for the tasks of environments ``ids``."""
        parameters = self.simulator.parameters[ids]
        return sample_starts(self.simulator, self.rng, parameters)

    def restart(self, ids: IntArray) -> None:
        """Begin new episodes in environments ``ids``."""
        if len(ids):
            self.simulator.reset(self.sample_starts(ids), ids)

    def collect(
        self, act: Callable[[FloatArray], NDArray[Any]], steps: int
    ) -> Iterator[TrainingStep]:
        """Act in all episodes; an episode that terminates is followed by a new one.

        Args:
            act: observations (N, O) to actions (N, A) in [-1, 1].
            steps: how many control steps.
        """
        simulator, curriculum = self.simulator, self.curriculum
        parameters, metric = simulator.parameters, self.family.metric.name
        before = simulator.qpos.copy()
        for step in rollout(simulator, act, steps):
            next_observations = simulator.observe()
            movement = curriculum.movement(before, simulator.qpos)
            terminated = curriculum.terminated(next_observations)
            self.restart(np.flatnonzero(terminated))
            before = simulator.qpos.copy()
            yield TrainingStep(
                observations=step.observations,
                actions=step.actions,
                next_observations=next_observations,
                movement=movement,
                rewards=curriculum.reward(movement, step.actions, parameters),
                terminated=terminated,
                metric=step.result.info[metric],
            )

    def make_expert(
        self,
        layers: Iterable[nn.Module],
        mean: NDArray[Any],
        scale: NDArray[Any],
        recipe: dict[str, Any],
        *,
        feature_clip: float = float("inf"),
    ) -> Expert:
        """Make an expert of a network, to be stored.

        Args:
            layers: of the network, in order; the linear ones are stored. The last one may have
                more outputs than an action; only the first are stored.
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
