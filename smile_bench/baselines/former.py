"""What the registry replaced, for old code that still imports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from smile_bench.access import Access
from smile_bench.baselines.registry import AnyAgent, all_agents

__all__ = ["agent_loaders", "grid_agents", "smile_members", "trained_agents"]


def agent_loaders() -> dict[str, Callable[[str], AnyAgent]]:
    """Agent name to its loader for a family's id."""
    return {name: spec.make for name, spec in all_agents().items()}


def grid_agents() -> tuple[str, ...]:
    """The agents that need a gridworld family."""
    return tuple(name for name, spec in all_agents().items() if spec.grid_only)


def trained_agents() -> tuple[str, ...]:
    """The agents that are trained on families of every kind."""
    return tuple(
        name for name, spec in all_agents().items() if spec.training and not spec.grid_only
    )


def smile_members(config: Any, number: int, access: Access, device: Any = None) -> Any:
    """SMILe's training of ``number`` members; today the configuration says how many."""
    from smile_bench.baselines.smile.training import make_trainings
    from smile_bench.learning.compute import Compute
    from smile_bench.learning.devices import CPU
    from smile_bench.learning.loop import Alone

    compute = Compute(device=device or CPU)
    return Alone(make_trainings([replace(config, members=number)], [access], compute))
