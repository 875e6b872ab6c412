"""Variants of a dataset: the expert's demonstrations, noisy ones, and those of half an expert."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from tqdm import tqdm

from smile_bench.datasets.dataset import Dataset
from smile_bench.envs import Family
from smile_bench.errors import DatasetError, require_known
from smile_bench.experts.noisy import Medium
from smile_bench.experts.policy import expert_metrics, load_expert
from smile_bench.experts.task_blind import load_task_blind, sample_mismatched_tasks

__all__ = [
    "EXPERT",
    "HALF",
    "NOISY",
    "SCORE_RANGE",
    "VARIANTS",
    "Calibration",
    "calibrate",
    "is_half",
    "require_noise",
]


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
    noise = family.dataset_recipe.noise if noise is None else noise
    chance = isinstance(family.action_space, spaces.Discrete)
    if not 0.0 < noise <= (1.0 if chance else sys.float_info.max):
        what = "a probability above 0" if chance else "a standard deviation above 0"
        raise DatasetError(f"the noise of {family.id} is {what}, got {noise:g}.")
    return noise


def calibrate(family: Family) -> Calibration:
    """Find the rate at which :class:`Medium` has half the score, by bisection on meta-train tasks.

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
    others = sample_mismatched_tasks(np.random.default_rng([CALIBRATION_SEED, 1]), table, tasks)

    def mean(rate: float) -> float:
        policy = Medium(expert, blind, others, rate)
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


def is_half(score: float) -> bool:
    """Whether a score passes for half an expert's."""
    least, most = SCORE_RANGE
    return least <= score <= most
