"""An agent that does not ship with smile-bench, registered as a user would register one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.baselines import registry
from smile_bench.baselines.registry import AgentSpec, register_agent
from smile_bench.datasets import Context
from smile_bench.envs import get_family

NAME = "wanderer"


class Wanderer:
    """Acts at random, alike in every training with the same seed."""

    name = NAME

    def __init__(self, family: str, seed: int, track: str) -> None:
        self.family, self.rng = get_family(family), np.random.default_rng(seed)
        self.recipe = {"seed": seed, "track": track, "seconds": 36.0}

    def adapt(self, contexts: Sequence[Context]) -> Wanderer:
        return self

    def act(self, observations: FloatArray) -> NDArray[Any]:
        slots = len(observations)
        if isinstance(self.family.action_space, spaces.Discrete):
            return self.rng.integers(self.family.action_size, size=slots)
        return self.rng.uniform(-1.0, 1.0, (slots, self.family.action_size))


@contextmanager
def wanderer(seed: int, track: str = "offline") -> Iterator[AgentSpec]:
    """Register the agent as trained with a seed on a track, and forget it at the end."""
    spec = AgentSpec(
        name=NAME, summary="acts at random", load=lambda family: Wanderer(family, seed, track)
    )
    try:
        yield register_agent(spec)
    finally:
        registry._registered.pop(NAME, None)
