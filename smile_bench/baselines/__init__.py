"""The reference agents: one module or package each, over what they share."""

from __future__ import annotations

import warnings
from typing import Any

from smile_bench.baselines.registry import (
    AgentSpec,
    TrainingSpec,
    all_agents,
    get_agent,
    load_agent,
    register_agent,
)
from smile_bench.baselines.training import train, train_agent
from smile_bench.links import follow_link

__all__ = [
    "AgentSpec",
    "TrainingSpec",
    "all_agents",
    "get_agent",
    "load_agent",
    "register_agent",
    "train",
    "train_agent",
]


def __getattr__(name: str) -> Any:
    if name != "AGENTS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        "smile_bench.baselines.AGENTS is now all_agents(), which maps names to declarations.",
        DeprecationWarning,
        stacklevel=2,
    )
    return {name: spec.make for name, spec in all_agents().items()}


follow_link(__name__, "smile_bench.baselines")
