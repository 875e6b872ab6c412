"""Metered access to a family: everything a learner may use is handed out and counted here."""

from smile_bench.access.metered import TRACKS, Access, AccessCounts, Coverage, Environments
from smile_bench.access.recipes import recipe_of
from smile_bench.access.vector import MeteredVectorEnv

__all__ = [
    "TRACKS",
    "Access",
    "AccessCounts",
    "Coverage",
    "Environments",
    "MeteredVectorEnv",
    "recipe_of",
]
