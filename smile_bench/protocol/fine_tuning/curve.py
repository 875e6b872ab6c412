"""The curve of scores over rewarded episodes, and the area under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError
from smile_bench.protocol.result import Result

__all__ = ["FineTuned", "area_under_curve"]


def area_under_curve(episodes: Sequence[int], scores: FloatArray) -> FloatArray:
    """Area under scores over log(1 + n), as a share of the width: a mean score.

    It is the trapezoidal rule on x_i = log(1 + n_i): Σ (x_{i+1} − x_i) (s_i + s_{i+1}) / 2, divided
    by x_last − x_first. An agent with a constant score s has the area s.

    Args:
        episodes: numbers n of rewarded episodes, rising, at least two.
        scores: score after each number, (numbers, ...).

    Returns:
        (...). NaN where a score is NaN.

    Raises:
        InputError: the numbers do not rise, or there are fewer than two, or other than scores.
    """
    numbers = np.asarray(episodes, np.float64)
    if len(numbers) < 2 or len(numbers) != len(scores) or (np.diff(numbers) <= 0).any():
        raise InputError(
            f"an area needs a score for each of at least two rising numbers of episodes; got "
            f"{len(scores)} scores for {list(episodes)}."
        )
    x = np.log1p(numbers)
    widths = np.diff(x).reshape(-1, *[1] * (scores.ndim - 1))
    area: FloatArray = (widths * 0.5 * (scores[1:] + scores[:-1])).sum(axis=0) / (x[-1] - x[0])
    return area


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuned:
    """What a fine-tuning agent reached on a family, for every training seed."""

    agent: str
    family: str
    contexts: str
    """Who gave the demonstrations: ``"expert"`` or ``"half"``."""
    episodes: tuple[int, ...]
    """Rewarded episodes after which the policy was scored, rising."""
    demonstrator_score: float
    """Normalised score of the demonstrator, averaged over tasks."""
    results: Mapping[int, tuple[Result, ...]]
    """Training seed to the results, one for each number of episodes."""

    @property
    def scores(self) -> FloatArray:
        """Normalised scores, averaged over tasks, (seeds, numbers of episodes)."""
        return np.array([[result.score for result in row] for row in self.results.values()])

    @property
    def areas(self) -> FloatArray:
        """Area under the curve of each training seed and task, (seeds, tasks); NaN where the task
        is not in the set.

        Raises:
            InputError: the policy was scored after one number of episodes only.
        """
        return np.array(
            [
                area_under_curve(self.episodes, np.array([result.scores for result in row]))
                for row in self.results.values()
            ]
        )

    @property
    def area(self) -> float:
        """Area under the curve, averaged over tasks and training seeds.

        Raises:
            InputError: the policy was scored after one number of episodes only.
        """
        return float(np.nanmean(self.areas))

    def __repr__(self) -> str:
        """A short summary; the results are in the attributes."""
        curve = ", ".join(
            f"{score:.3f} after {n}"
            for n, score in zip(self.episodes, self.scores.mean(axis=0), strict=True)
        )
        area = f"\n  area under the curve {self.area:.3f}" if len(self.episodes) > 1 else ""
        seeds = f"{len(self.results)} training seed{'s' * (len(self.results) > 1)}"
        return (
            f"{self.agent} on {self.family}, contexts of the {self.contexts} demonstrator (score "
            f"{self.demonstrator_score:.3f}), {seeds}\n"
            f"  score {curve} rewarded episodes{area}"
        )
