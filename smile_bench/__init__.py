"""smile-bench: a benchmark suite for few-shot meta-imitation in continuous control.

Importing it registers the families with Gymnasium, and the old names of modules that moved. It is
quick: datasets, protocol and reference agents are imported when they are first asked for, PyTorch
only by agents that need it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from smile_bench.compat import deprecated
from smile_bench.envs import all_families, get_family, register_families, register_family

if TYPE_CHECKING:
    from smile_bench.agents import Context
    from smile_bench.baselines import load_agent, register_agent
    from smile_bench.datasets import load_dataset
    from smile_bench.protocol import Result, evaluate, read_result, verify_result

__version__ = "0.1.0"

__all__ = [
    "Context",
    "Result",
    "__version__",
    "all_families",
    "evaluate",
    "get_family",
    "load_agent",
    "load_dataset",
    "read_result",
    "register_agent",
    "register_family",
    "verify_result",
]

_LAZY = {
    "Context": "smile_bench.agents",
    "Result": "smile_bench.protocol",
    "evaluate": "smile_bench.protocol",
    "load_agent": "smile_bench.baselines",
    "load_dataset": "smile_bench.datasets",
    "read_result": "smile_bench.protocol",
    "register_agent": "smile_bench.baselines",
    "verify_result": "smile_bench.protocol",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


deprecated.install()
register_families()
