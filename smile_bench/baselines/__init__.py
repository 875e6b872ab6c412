"""Reference agents, one readable module each, over shared parts."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from smile_bench.baselines.registry import AGENTS, load_agent

if TYPE_CHECKING:
    from smile_bench.baselines.agent_training import train, train_agent

__all__ = ["AGENTS", "load_agent", "train", "train_agent"]


def __getattr__(name: str) -> Any:
    # Training needs PyTorch; loading an agent may not.
    if name not in ("train", "train_agent"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("smile_bench.baselines.agent_training"), name)
