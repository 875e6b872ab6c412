"""Families of tasks, their environments and the batched simulator below them."""

from smile_bench.compat.links import follow_link
from smile_bench.envs.family import SPLITS, DatasetRecipe, Family, Metric, Task
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.envs.registry import (
    all_families,
    get_family,
    get_mujoco_family,
    register_families,
    register_family,
)

__all__ = [
    "SPLITS",
    "DatasetRecipe",
    "Family",
    "Metric",
    "MujocoFamily",
    "Task",
    "all_families",
    "get_family",
    "get_mujoco_family",
    "register_families",
    "register_family",
]

follow_link(__name__, "smile_bench.envs")
