"""The grid goal family, its cells and environments."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from smile_bench.envs import get_family
from smile_bench.envs.grid.env import SmileGridEnv
from smile_bench.envs.grid.family import GridFamily

__all__ = ["FAMILY", "ID", "cell", "make"]

ID = "SmileGridGoal-v0"
found = get_family(ID)
assert isinstance(found, GridFamily)
FAMILY: GridFamily = found
WIDTH = 8


def cell(row: int, column: int) -> int:
    return row * WIDTH + column


def make(**options: Any) -> SmileGridEnv:
    env = gym.make(ID, **{"split": "test"} | options).unwrapped
    assert isinstance(env, SmileGridEnv)
    return env
