"""Slots of the grid, small and fast, for all fine-tuners."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from smile_bench.agents import Context, RewardedEpisodes
from smile_bench.baselines import load_agent
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.datasets import load_dataset
from smile_bench.envs import get_family
from smile_bench.envs.simulation import sample_starts

GRID = "SmileGridGoal-v0"

Episodes = Callable[[Sequence[int], int], RewardedEpisodes]


@pytest.fixture(scope="session")
def imitator() -> Imitator:
    """The released one of the grid."""
    agent = load_agent("meta-bc", GRID)
    assert isinstance(agent, Imitator)
    return agent


@pytest.fixture(scope="session")
def contexts() -> list[Context]:
    """Of six meta-validation tasks, with one or two demonstrations."""
    held_out = load_dataset(GRID).validation
    return [held_out.context(task, list(range(1 + task % 2))) for task in range(6)]


@pytest.fixture(scope="session")
def episodes() -> Episodes:
    """Makes rewarded episodes of some of these tasks, the same for a task at every call."""
    family = get_family(GRID)

    def make(tasks: Sequence[int], budget: int) -> RewardedEpisodes:
        parameters = family.table("validation")[list(tasks)]
        simulator = family.make_simulator(1)
        starts = np.stack(
            [
                np.concatenate([sample_starts(simulator, rng, row[None]) for _ in range(budget)])
                for rng, row in zip(map(np.random.default_rng, tasks), parameters, strict=True)
            ]
        )
        return RewardedEpisodes(family, parameters, starts)

    return make
