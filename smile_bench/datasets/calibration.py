"""Calibration of the medium expert: how many of its actions make it half as good."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from smile_bench.datasets.dataset import Dataset
from smile_bench.envs import Family
from smile_bench.errors import DatasetError, clipped
from smile_bench.experts.noisy import Medium
from smile_bench.experts.policy import expert_metrics, load_expert
from smile_bench.experts.task_blind import load_task_blind, sample_mismatched_tasks
from smile_bench.scores import normalised_score

__all__ = ["SCORE_RANGE", "Calibration", "calibrate", "is_medium"]

SCORE_RANGE = (0.4, 0.6)
"""Scores that count as medium, where 1 is the expert and 0 the task-blind expert."""
CLOSE_ENOUGH = 0.02
"""The search stops at a score within this distance of one half."""
EVALUATIONS = 9
"""Largest number of rates that a search tries."""
CALIBRATION_STEPS, CALIBRATION_EPISODES = 51_200, 256
"""Each rate is measured on about this many control steps, and on at least this many episodes, of
meta-train tasks."""
CALIBRATION_SEED = 0
"""Fixed, so that a family has one medium expert, however many demonstrations it gives."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The rate at which a family's expert becomes medium, and the means that show it."""

    rate: float
    """Probability that the action of a control step is the task-blind expert's."""
    metric: str
    """The family's primary metric. The next three fields are its means over the episodes."""
    reached: float
    expert: float
    blind: float
    episodes: int
    """Episodes on meta-train tasks."""

    @property
    def score(self) -> float:
        """Score of the calibrated policy."""
        return self.score_of(self.reached)

    def score_of(self, mean: float) -> float:
        """Score of a mean of the metric over all tasks.

        The mean over tasks is taken first, so that a task on which expert and task-blind expert are
        alike has little weight.
        """
        return float(normalised_score(mean, expert=self.expert, blind=self.blind))

    def to_dict(self) -> dict[str, Any]:
        """The fields and the score, as JSON-able data."""
        return {**asdict(self), "score": self.score}

    @classmethod
    def read(cls, text: str, where: str) -> Calibration:
        """Read the note of a build that was interrupted.

        Args:
            text: its fields as JSON.
            where: the file, for the message.

        Raises:
            DatasetError: the note is damaged.
        """
        try:
            return cls._checked(json.loads(text))
        except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise DatasetError(
                f"{where} does not hold a calibration ({clipped(repr(error))}). Remove it and "
                "build again."
            ) from error

    @classmethod
    def of(cls, dataset: Dataset) -> Calibration:
        """Read the calibration that a medium dataset was built with.

        Raises:
            DatasetError: the dataset does not state one, or states it wrongly.
        """
        stored: Any = dataset.attributes.get("calibration")
        try:
            return cls._checked(stored)
        except (ArithmeticError, TypeError, LookupError, ValueError) as error:
            raise DatasetError(
                f"this dataset of {dataset.family} does not state how its medium expert was "
                f"calibrated ({clipped(repr(error))}). Build it again."
            ) from error

    @classmethod
    def _checked(cls, stored: Any) -> Calibration:
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


def calibrate(family: Family) -> Calibration:
    """Find the rate at which :class:`Medium` has half the score, by bisection.

    Every rate is measured on the same meta-train tasks, initial states and mismatched tasks, so
    the result is the same each time.

    Raises:
        ExpertError: the family has no expert.
        DatasetError: the expert is not better than the task-blind expert, or no rate comes near.
    """
    expert, blind = load_expert(family), load_task_blind(family)
    table = family.table("train")
    episodes = max(CALIBRATION_EPISODES, CALIBRATION_STEPS // family.horizon)
    each = math.ceil(episodes / len(table))
    tasks = np.repeat(np.arange(len(table)), each)
    rng = np.random.default_rng([CALIBRATION_SEED, 1])
    mismatched = sample_mismatched_tasks(rng, table, tasks)

    def mean(rate: float) -> float:
        policy = Medium(expert, blind, mismatched, rate)
        values = expert_metrics(family, policy, "train", episodes=each, seed=CALIBRATION_SEED)
        bar.update()
        return float(values.mean())

    with tqdm(total=EVALUATIONS + 2, desc="calibrate", unit="rate", disable=None) as bar:
        ends = {"expert": mean(0.0), "blind": mean(1.0)}
        gain = ends["expert"] - ends["blind"]
        if gain == 0.0 or (gain > 0.0) != family.metric.higher_is_better:
            raise DatasetError(
                f"{family.id} has no medium expert, because the expert must be better than the "
                f"task-blind expert: {family.metric.name} is {ends['expert']:.4g} and "
                f"{ends['blind']:.4g}."
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
    if not is_medium(best.score):
        least, most = SCORE_RANGE
        raise DatasetError(
            f"no rate makes the expert of {family.id} medium: scores must be {least:g} to "
            f"{most:g}, and the nearest, {best.score:.3f}, is at rate {best.rate:g}."
        )
    return best


def is_medium(score: float) -> bool:
    """Whether a score counts as medium, that is, lies in :data:`SCORE_RANGE`."""
    least, most = SCORE_RANGE
    return least <= score <= most
