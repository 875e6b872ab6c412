"""Context batches per second: one indexing operation here, episode by episode from Minari.

Both give the same demonstrations. The printed figures are transitions per second and their ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.datasets.minari import to_minari

FAMILY = "SmileAntGoal-v0"
BATCH = 32
ROUNDS = 7
SECONDS = 0.5


def rate(batch: Callable[[], int]) -> float:
    """Transitions per second over about ``SECONDS``."""
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        count += batch()
    return count / (time.perf_counter() - started)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_context_batches(benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = load_dataset(FAMILY)
    train, rng = dataset.train, np.random.default_rng(0)
    to_minari(dataset, "smile/ant-goal-v0")
    exported = minari.load_dataset("smile/ant-goal-v0")

    def draw() -> tuple[Any, Any]:
        tasks = rng.integers(train.tasks, size=BATCH)
        return tasks, rng.integers(train.demonstrations, size=(BATCH, 1))

    def ours() -> int:
        context = train.contexts(*draw())
        return BATCH * int(context.observations.shape[2])

    def theirs() -> int:
        tasks, which = draw()
        ids = (tasks * train.demonstrations + which[:, 0]).tolist()
        episodes = [exported[i] for i in ids]
        observations = np.stack([e.observations[:-1] for e in episodes])
        np.stack([e.actions for e in episodes])
        np.stack([e.infos["next_observations"][1:] for e in episodes])
        return BATCH * int(observations.shape[1])

    # The same demonstrations on both sides, before any timing.
    np.testing.assert_array_equal(exported[17].observations[:-1], train.observations[1, 1])
    pairs = [(rate(ours), rate(theirs)) for _ in range(ROUNDS)]
    ratios = sorted(a / b for a, b in pairs)
    figures = {
        "transitions_per_second": float(np.median([a for a, _ in pairs])),
        "minari_transitions_per_second": float(np.median([b for _, b in pairs])),
        "ratio_median": ratios[len(ratios) // 2],
        "ratio_min": ratios[0],
    }
    benchmark.extra_info.update(figures)
    print("\n" + ", ".join(f"{name} {value:,.0f}" for name, value in figures.items()))
    benchmark(ours)
