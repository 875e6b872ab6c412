"""50 000 resamples of a full entry: five families, five seeds, every meta-test task.

Run with ``pytest tests/benchmarks/test_statistics_speed.py --benchmark-only -s``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from smile_bench.envs import all_families
from smile_bench.protocol.statistics import estimate_improvement, estimate_profile, summarise

SEEDS, RESAMPLES, BAR = 5, 50_000, 10.0


def entry(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        family.id: rng.normal(0.7, 0.3, (SEEDS, len(family.table("test"))))
        for family in all_families().values()
    }


WORK: dict[str, Callable[[], object]] = {
    "summary": lambda: summarise(entry(0), 0, resamples=RESAMPLES),
    "profile": lambda: estimate_profile(entry(0), np.linspace(0, 1.2, 61), 0, resamples=RESAMPLES),
    "improvement": lambda: estimate_improvement(entry(0), entry(1), 0, resamples=RESAMPLES),
}


@pytest.mark.parametrize("work", WORK)
def test_resamples(work: str, benchmark: Any) -> None:
    benchmark.pedantic(WORK[work], rounds=5, warmup_rounds=1)
    scores = sum(array.size for array in entry(0).values())
    benchmark.extra_info |= {"scores": scores, "resamples": RESAMPLES, "bar in seconds": BAR}
    assert benchmark.stats.stats.median < BAR
