"""What the trainings of experts share: episodes under a curriculum, and storing the result.

M trainings are one computation. Their episodes are the rows of one simulator, N of each, those of
the first training first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from smile_bench.errors import DivergedError, InputError
from smile_bench.experts.policy import Expert
from smile_bench.experts.training.curricula import CURRICULA, Curriculum
from smile_bench.learning.compute import Compute
from smile_bench.learning.running_normaliser import RunningNormaliser
from smile_bench.learning.stacking import require_stackable
from smile_bench.learning.streams import Streams

__all__ = ["ExpertTrainerConfig", "ExpertTrainings", "Summary", "TrainingStep", "summarise"]


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
    """One control step of the M · N training episodes."""

    observations: FloatArray
    """Before the step, (M · N, O)."""
    actions: NDArray[Any]
    """(M · N, A)."""
    next_observations: FloatArray
    """After the step, (M · N, O); of an episode that terminated, its last."""
    movement: FloatArray
    """What the curriculum's reward needs of the step, (M · N, movement_size)."""
    rewards: FloatArray
    """The curriculum's, (M · N,)."""
    terminated: BoolArray
    """Whether the curriculum ended the episode, (M · N,)."""
    metric: FloatArray
    """The family's primary metric of the episode so far, (M · N,)."""


class Summary(NamedTuple):
    """What a training logs of its episodes, exploration included."""

    metric: float
    """Mean of the family's metric over the episodes that terminated and, as it stands after the
    last step, the others."""
    reward: float
    """Mean reward of a step."""
    terminations: int
    """How many episodes terminated."""


def summarise(steps: Sequence[TrainingStep], trainings: int) -> list[Summary]:
    """Summarise steps that follow each other, for each of M trainings."""
    rows = [np.stack(column) for column in zip(*(step[-3:] for step in steps), strict=True)]
    parts = zip(*(np.split(table, trainings, axis=1) for table in rows), strict=True)
    return [_summary(*part) for part in parts]


def _summary(rewards: FloatArray, terminated: BoolArray, metric: FloatArray) -> Summary:
    """Of a training's T steps in N episodes, (T, N) each."""
    ended = metric[terminated]
    values = np.concatenate((ended, metric[-1][~terminated[-1]]))
    return Summary(float(values.mean()), float(rewards.mean()), len(ended))


class ExpertTrainings(ABC, Generic[Config]):
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
        self.configs, self.config = list(configs), configs[0]
        self.compute = compute or Compute()
        self.family = get_mujoco_family(self.config.family)
        self.curricula = list(curricula or (CURRICULA[each.curriculum] for each in configs))
        number = self.config.envs * len(configs)
        self.simulator = Simulator(self.family, number, threads=self.config.threads)
        self.rngs = [np.random.default_rng(each.seed) for each in configs]
        """Sources of randomness on the host, one a training: tasks, and where episodes begin."""
        self.streams = Streams([each.seed for each in configs], self.compute.device)
        self.iteration = 0
        self.stopped: list[DivergedError | None] = [None] * len(configs)
        """Why each training has stopped, if it has."""
        neutral = self.family.privileged(
            np.zeros((1, self.family.observation_size)),
            np.ones((1, len(self.family.parameter_names))),
        )
        self.features = int(neutral.shape[1])
        """F, length of the policy's input."""

    def __len__(self) -> int:
        return len(self.configs)

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
                self.stopped[index] = DivergedError(
                    f"the loss of {' and '.join(names)} became non-finite in iteration "
                    f"{self.iteration}. Continue from the last checkpoint with a lower learning "
                    "rate."
                )
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
            self.stopped[index] = None
            if state["iteration"] < self.iteration:
                self.stopped[index] = DivergedError(
                    f"the training stopped after iteration {state['iteration']}."
                )

    def by_training(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows (M · N, ...) as (M, N, ...), without a copy."""
        return rows.reshape(len(self), -1, *rows.shape[1:])

    def sample_tasks(self) -> FloatArray:
        """Sample tasks (M · N, P) of an iteration."""
        envs, progress = self.config.envs, self.iteration / self.config.iterations
        pairs = zip(self.curricula, self.rngs, strict=True)
        return np.concatenate([each.sample_tasks(rng, envs, progress) for each, rng in pairs])

    def sample_starts(self, ids: IntArray) -> FloatArray:
        """Sample initial states (len(ids), S) for the tasks of environments ``ids``.

        Those of a training follow those of the trainings before it.
        """
        owner = ids // self.config.envs
        parts = [ids[owner == index] for index in range(len(self))]
        parameters = self.simulator.parameters
        return np.concatenate(
            [
                sample_starts(self.simulator, rng, parameters[part])
                for rng, part in zip(self.rngs, parts, strict=True)
                if len(part)
            ]
        )

    def restart(self, ids: IntArray) -> None:
        """Begin new episodes in environments ``ids``, which are sorted."""
        if len(ids):
            self.simulator.reset(self.sample_starts(ids), ids)

    def privileged(self, observations: NDArray[Any], parameters: FloatArray) -> FloatArray:
        """Features (M, n, F) of observations (M · n, O) in tasks (M · n, P)."""
        features: FloatArray = self.by_training(self.family.privileged(observations, parameters))
        return features

    def rewards(
        self, movement: NDArray[Any], actions: NDArray[Any], parameters: FloatArray
    ) -> FloatArray:
        """The curricula's rewards (M · n,) of movements, actions and tasks (M · n, ...)."""
        return self._each("reward", movement, actions, parameters)

    def collect(
        self, act: Callable[[FloatArray], NDArray[Any]], steps: int
    ) -> Iterator[TrainingStep]:
        """Act in all episodes; an episode that terminates is followed by a new one.

        Actions that are not finite are those of a training that has diverged; 0 is applied.

        Args:
            act: observations (M · N, O) to actions (M · N, A) in [-1, 1].
            steps: how many control steps.
        """
        simulator, parameters = self.simulator, self.simulator.parameters
        metric, before = self.family.metric.name, simulator.qpos.copy()
        for step in rollout(simulator, lambda seen: _finite(act(seen)), steps):
            next_observations = simulator.observe()
            movement = self._each("movement", before, simulator.qpos)
            terminated: BoolArray = self._each("terminated", next_observations)
            self.restart(np.flatnonzero(terminated))
            before = simulator.qpos.copy()
            yield TrainingStep(
                observations=step.observations,
                actions=step.actions,
                next_observations=next_observations,
                movement=movement,
                rewards=self.rewards(movement, step.actions, parameters),
                terminated=terminated,
                metric=step.result.info[metric],
            )

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

    def _each(self, method: str, *rows: NDArray[Any]) -> NDArray[Any]:
        """What each training's curriculum makes of its rows (M · n, ...)."""
        parts = zip(*(np.split(array, len(self)) for array in rows), strict=True)
        pairs = zip(self.curricula, parts, strict=True)
        return np.concatenate([getattr(each, method)(*part) for each, part in pairs])


def _finite(actions: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.isfinite(actions), actions, actions.dtype.type(0.0))
