"""Tables of agents that the registry replaced, for old code that still imports them."""

from __future__ import annotations

from collections.abc import Callable

from smile_bench.baselines.registry import AnyAgent, all_agents

__all__ = ["agent_loaders", "grid_agents", "trained_agents"]


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
