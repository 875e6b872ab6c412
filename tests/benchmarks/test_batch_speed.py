"""Speed of batches of contexts and queries, beside gathering rows of the same arrays."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count, islice
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.batches import BatchSettings, ContextQueryBatches, Normaliser
from smile_bench.batches.pytorch import ContextQueryStream

SETTINGS = {
    "64 queries, whole context": {},
    "64 queries, 32 timesteps of the context": {"context_timesteps": 32},
    "whole demonstrations": {"queries": None},
}
SECONDS = 0.3
ROUNDS = 5


def rate(step: Callable[[], Any], transitions: int) -> float:
    """Transitions per second of processor time."""
    done, began = 0, time.process_time()
    while (spent := time.process_time() - began) < SECONDS:
        step()
        done += 1
    return done * transitions / spent


@pytest.mark.parametrize("name", list(SETTINGS))
def test_batches_keep_up_with_the_arrays(name: str) -> None:
    torch.set_num_threads(1)
    demonstrations = Access("SmileAntGoal-v0", track="offline").demonstrations()
    batches = ContextQueryBatches(
        demonstrations,
        BatchSettings(**SETTINGS[name]),  # type: ignore[arg-type]
        normaliser=Normaliser.of(demonstrations.observations),
    )
    places = batches.places(0)
    transitions = places.context.size + places.queries.size
    everywhere = np.random.default_rng(0).integers(len(batches.rows), size=transitions)
    number = count()
    stream = iter(ContextQueryStream(batches))
    steps = {
        "rows alone": lambda: batches.rows[everywhere],
        "NumPy": lambda: batches.gathered(batches.places(next(number))),
        "PyTorch": lambda: list(islice(stream, 1)),
    }
    rates: dict[str, list[float]] = {kind: [] for kind in steps}
    for _ in range(ROUNDS):
        for kind, step in steps.items():
            rates[kind].append(rate(step, transitions))
    alone = np.array(rates["rows alone"])
    print(f"\n{name}: {transitions} transitions in a batch of 16 tasks")
    for kind, found in rates.items():
        share = np.median(np.array(found) / alone)
        print(f"{kind:12}{np.median(found) / 1e6:8.1f} million/s{share:8.2f} of rows alone")
    assert np.median(np.array(rates["NumPy"]) / alone) > 0.05
