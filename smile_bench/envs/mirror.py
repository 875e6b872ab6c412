"""A body's two sides: which coordinates, actuators and parameters change places in a mirror."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Mirror"]


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Permutations that are their own inverses: index k of a mirrored array is entry ``[k]`` here.

    Where a body's model is the same on both sides and tasks change each side independently, the
    mirrored parameters make another task that could as well have been drawn, and mirrored actions
    take it from mirrored states to mirrored states, for the same rewards.
    """

    observations: tuple[int, ...]
    """Of an observation's coordinates."""
    actions: tuple[int, ...]
    """Of an action's coordinates."""
    state: tuple[int, ...]
    """Of a simulator's state."""
    parameters: tuple[int, ...]
    """Of a task's parameters."""
