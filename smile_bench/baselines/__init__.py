"""The reference agents: one module or package each, over what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smile_bench.baselines.registry import (
    AgentSpec,
    TrainingSpec,
    all_agents,
    get_agent,
    load_agent,
    load_fine_tuner,
    register_agent,
)
from smile_bench.baselines.training import ComputeOptions, Trained, train, train_agent
from smile_bench.compat import deprecated
from smile_bench.compat.links import follow_link

__all__ = [
    "AgentSpec",
    "ComputeOptions",
    "Trained",
    "TrainingSpec",
    "all_agents",
    "get_agent",
    "load_agent",
    "load_fine_tuner",
    "register_agent",
    "train",
    "train_agent",
]


follow_link(__name__, "smile_bench.baselines")

if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
