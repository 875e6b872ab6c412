"""Variants of a dataset: the expert's demonstrations, noisy ones, and those of half an expert."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from tqdm import tqdm

from smile_bench.datasets.dataset import Dataset
from smile_bench.datasets.expert import expert_metrics, load_base_policy, load_expert
from smile_bench.envs import Family, get_family
from smile_bench.envs.family import ToldPolicy
from smile_bench.errors import DatasetError, InputError, require_known

__all__ = [
    "EXPERT",
    "HALF",
    "NOISY",
    "SCORE_RANGE",
    "VARIANTS",
    "Calibration",
    "Half",
    "Noisy",
    "calibrate",
    "draw_others",
    "is_half",
    "load_task_blind",
    "require_noise",
]

FloatArray = NDArray[np.float64]

EXPERT, NOISY, HALF = VARIANTS = ("expert", "noisy", "half")
"""The expert's own actions; those with noise; those of a policy half as good."""

SCORE_RANGE = (0.4, 0.6)
"""Scores that pass for half an expert, where 1 is the expert and 0 the task-blind expert."""
CLOSE_ENOUGH = 0.02
"""How far from one half a calibrated score may stay before the rate is refined."""
EVALUATIONS = 9
"""How many rates a calibration tries at most."""
CALIBRATION_STEPS, CALIBRATION_EPISODES = 51_200, 256
"""About how many control steps, and at least how many episodes, on meta-train tasks a calibration
measures each rate on."""
CALIBRATION_SEED = 0
"""Fixed, so that half an expert is the same one however many demonstrations it gives."""


@dataclass(frozen=True, eq=False)
class Noisy:
    """The expert, disturbed independently at every control step.

    Torques get Gaussian noise of standard deviation ``scale`` and are clipped to [-1, 1]; a choice
    among moves is, with probability ``scale``, drawn anew evenly from all of them.
    """

    family: Family
    expert: ToldPolicy
    scale: float

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The expert's."""
        return self.expert.recipe

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The expert's, and the scale."""
        return (*self.expert.arrays, np.array(self.scale))

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.float32]:
        """Actions (N, A) for observations (N, O) in tasks (N, P).

        Raises:
            InputError: no generator to draw from.
        """
        rng = _require_generator(rng)
        actions = self.expert.act(observations, parameters, rng)
        if isinstance(self.family.action_space, spaces.Discrete):
            redrawn = rng.random((len(actions), 1)) < self.scale
            drawn = self.family.random_actions(rng, len(actions))
            return np.where(redrawn, drawn, actions).astype(np.float32)
        noise = self.scale * rng.standard_normal(actions.shape)
        return np.clip(actions + noise, -1.0, 1.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Half:
    """The expert, whose action is replaced by the task-blind expert's at a rate.

    Replacements are drawn independently at every control step. At rate 0 it is the expert and at
    rate 1 the task-blind expert, so some rate between gives half the score in any family.
    """

    expert: ToldPolicy
    blind: ToldPolicy
    others: FloatArray
    """What the task-blind expert is told in each episode, (N, P)."""
    rate: float

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The expert's."""
        return self.expert.recipe

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Those of both experts, and the rate."""
        return (*self.expert.arrays, *self.blind.arrays, np.array(self.rate))

    def act(
        self,
        observations: FloatArray,
        parameters: FloatArray,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.float32]:
        """Actions (N, A) for observations (N, O) in tasks (N, P).

        Raises:
            InputError: no generator to draw from.
        """
        rng = _require_generator(rng)
        right = self.expert.act(observations, parameters, rng)
        wrong = self.blind.act(observations, self.others, rng)
        return np.where(rng.random((len(right), 1)) < self.rate, wrong, right)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """At what rate a family's expert becomes half an expert, on meta-train tasks."""

    rate: float
    """Probability that a control step's action is the task-blind expert's."""
    metric: str
    """The family's primary metric; the next three are its means over the episodes."""
    reached: float
    expert: float
    blind: float
    episodes: int

    @property
    def score(self) -> float:
        """What the calibrated policy reached."""
        return self.score_of(self.reached)

    def score_of(self, mean: float) -> float:
        """The score that a mean of the metric stands for: 1 is the expert's, 0 the blind one's.

        Of means over tasks, so that tasks on which the two are alike weigh little.
        """
        return (mean - self.blind) / (self.expert - self.blind)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able data, the score included."""
        return {**asdict(self), "score": self.score}

    @classmethod
    def of(cls, dataset: Dataset) -> Calibration:
        """What a dataset of half an expert was calibrated to.

        Raises:
            DatasetError: the dataset does not say, or states no numbers.
        """
        stored: Any = dataset.attributes.get("calibration")
        try:
            numbers = [float(stored[name]) for name in ("rate", "reached", "expert", "blind")]
            rate, reached, expert, blind = numbers
            if not np.isfinite(numbers).all() or expert == blind:
                raise ValueError(f"numbers {numbers}")
            return cls(
                rate=rate,
                metric=str(stored["metric"]),
                reached=reached,
                expert=expert,
                blind=blind,
                episodes=int(stored["episodes"]),
            )
        except (TypeError, KeyError, ValueError) as error:
            raise DatasetError(
                f"this dataset of {dataset.family} does not say how half its expert was "
                f"calibrated ({error!r}). Build it anew."
            ) from error


def load_task_blind(family: str | Family) -> ToldPolicy:
    """The lower reference, to be told another task: the expert, or the family's base policy.

    Raises:
        UnknownNameError: no such family.
        ExpertError: the family does not have it yet, or its file is damaged.
    """
    family = get_family(family)
    return load_base_policy(family) if family.blind_is_base_policy else load_expert(family)


def require_noise(family: Family, variant: str, noise: float | None) -> float | None:
    """The scale of the noise: what is given, or the family's for noisy demonstrations.

    Raises:
        UnknownNameError: no such variant.
        DatasetError: a scale that does not fit the variant or the family.
    """
    require_known("variant", [variant], VARIANTS)
    if variant != NOISY:
        if noise is not None:
            raise DatasetError(f"noise is for the variant {NOISY!r}, not for {variant!r}.")
        return None
    noise = family.recipe.noise if noise is None else noise
    chance = isinstance(family.action_space, spaces.Discrete)
    if not 0.0 < noise <= (1.0 if chance else sys.float_info.max):
        what = "a probability above 0" if chance else "a standard deviation above 0"
        raise DatasetError(f"the noise of {family.id} is {what}, got {noise:g}.")
    return noise


def draw_others(
    rng: np.random.Generator, table: FloatArray, tasks: NDArray[np.int64]
) -> FloatArray:
    """Parameters (N, P) of another task of a table than each of ``tasks`` (N,), drawn evenly."""
    shift = rng.integers(1, len(table), size=len(tasks))
    return np.asarray(table[(tasks + shift) % len(table)])


def calibrate(family: Family) -> Calibration:
    """Find the rate at which :class:`Half` has half the score, by bisection on meta-train tasks.

    Deterministic: every rate meets the same tasks, initial states and other tasks.

    Raises:
        ExpertError: the family has no expert.
        DatasetError: the expert is no better than the task-blind one, or no rate comes near.
    """
    expert, blind = load_expert(family), load_task_blind(family)
    table = family.table("train")
    episodes = max(CALIBRATION_EPISODES, CALIBRATION_STEPS // family.horizon)
    each = math.ceil(episodes / len(table))
    tasks = np.repeat(np.arange(len(table)), each)
    others = draw_others(np.random.default_rng([CALIBRATION_SEED, 1]), table, tasks)

    def mean(rate: float) -> float:
        policy = Half(expert, blind, others, rate)
        values = expert_metrics(family, policy, "train", episodes=each, seed=CALIBRATION_SEED)
        bar.update()
        return float(values.mean())

    with tqdm(total=EVALUATIONS + 2, desc="calibrate", unit="rate", disable=None) as bar:
        ends = {"expert": mean(0.0), "blind": mean(1.0)}
        gain = ends["expert"] - ends["blind"]
        if gain == 0.0 or (gain > 0.0) != family.metric.higher_is_better:
            raise DatasetError(
                f"half an expert of {family.id} can not be calibrated: the expert reaches "
                f"{ends['expert']:.4g}, the task-blind one {ends['blind']:.4g}."
            )
        low, high, tried = 0.0, 1.0, list[Calibration]()
        while len(tried) < EVALUATIONS:
            rate = 0.5 * (low + high)
            found = Calibration(
                rate=rate,
                metric=family.metric.name,
                reached=mean(rate),
                episodes=len(tasks),
                **ends,
            )
            tried.append(found)
            if abs(found.score - 0.5) <= CLOSE_ENOUGH:
                break
            low, high = (rate, high) if found.score > 0.5 else (low, rate)
    best = min(tried, key=lambda found: abs(found.score - 0.5))
    if not is_half(best.score):
        raise DatasetError(
            f"no rate gives half an expert of {family.id}: the nearest, {best.rate:g}, scores "
            f"{best.score:.3f}."
        )
    return best


def _require_generator(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is None:
        raise InputError("variants of an expert draw their actions: give them a generator.")
    return rng


def is_half(score: float) -> bool:
    """Whether a score passes for half an expert's."""
    least, most = SCORE_RANGE
    return least <= score <= most
