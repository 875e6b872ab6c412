"""Training episodes under a curriculum, in lockstep, of one training or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.envs import get_mujoco_family
from smile_bench.envs.mujoco.simulator import Simulator
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import sample_starts
from smile_bench.experts.training.curricula import CURRICULA, Curriculum
from smile_bench.learning.stacking import finite_or_zero

__all__ = ["Config", "Episodes", "ExpertTrainerConfig", "Summary", "TrainingStep", "summarise"]


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


class Episodes(Generic[Config]):
    """Episodes in lockstep of policies that see the task, N of each of M trainings.

    They are the rows of one simulator, those of the first training first.

    Args:
        configs: settings, one a training; they differ in the seed alone.
        curricula: one a training, all of one class; by default those that the settings name.
    """

    def __init__(
        self, configs: Sequence[Config], curricula: Sequence[Curriculum] | None = None
    ) -> None:
        self.configs, self.config = list(configs), configs[0]
        self.family = get_mujoco_family(self.config.family)
        self.curricula = list(curricula or (CURRICULA[each.curriculum] for each in configs))
        number = self.config.envs * len(configs)
        self.simulator = Simulator(self.family, number, threads=self.config.threads)
        self.rngs = [np.random.default_rng(each.seed) for each in configs]
        """Sources of randomness on the host, one a training: tasks, and where episodes begin."""
        self.iteration = 0

    def __len__(self) -> int:
        return len(self.configs)

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
        for step in rollout(simulator, lambda seen: finite_or_zero(act(seen)), steps):
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

    def _each(self, method: str, *rows: NDArray[Any]) -> NDArray[Any]:
        """What each training's curriculum makes of its rows (M · n, ...)."""
        parts = zip(*(np.split(array, len(self)) for array in rows), strict=True)
        pairs = zip(self.curricula, parts, strict=True)
        return np.concatenate([getattr(each, method)(*part) for each, part in pairs])
