"""What an agent and its policies are, and how contexts reach them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.datasets.contexts import Context
from smile_bench.errors import AgentError

__all__ = [
    "Agent",
    "Policy",
    "PrivilegedAgent",
    "checked_policy",
    "is_state_only",
    "pad_contexts",
    "require_family",
]


@runtime_checkable
class Policy(Protocol):
    """Acts in one environment per context, for one episode. It may keep state."""

    def act(self, observations: FloatArray) -> NDArray[Any]:
        """Choose actions.

        Args:
            observations: (slots, observation_size), as the environments give them.

        Returns:
            Actions (slots, action_size) in [-1, 1]. If the family's actions are discrete, indices
            (slots,) or one-hot rows (slots, n).
        """


@runtime_checkable
class Agent(Protocol):
    """An imitator.

    It is given many slots at once, but slots are independent: its actions in a slot must follow
    from that slot's context and observations alone. With an attribute ``state_only = True`` it gets
    contexts without actions.
    """

    def adapt(self, contexts: Sequence[Context]) -> Policy:
        """Return a policy that acts in one environment slot per context."""


@runtime_checkable
class PrivilegedAgent(Protocol):
    """A reference that sees the task. It is never ranked among imitators."""

    def adapt_to_tasks(self, parameters: FloatArray, mismatched_tasks: FloatArray, /) -> Policy:
        """Return a policy that acts in one slot per task.

        Args:
            parameters: parameters of each slot's task, (slots, P).
            mismatched_tasks: parameters of another task for each slot, (slots, P).
        """


def is_state_only(agent: object) -> bool:
    """Whether an agent asks for contexts without actions."""
    return bool(getattr(agent, "state_only", False))


def require_family(contexts: Sequence[Context], family: str) -> None:
    """Refuse contexts of another family.

    Args:
        contexts: what ``adapt`` was given.
        family: id of the agent's family.

    Raises:
        AgentError: a context is of another family. The message names both.
    """
    found = {context.family for context in contexts}
    if found - {family}:
        raise AgentError(
            f"this agent was made for {family}, but it was given contexts of "
            f"{', '.join(sorted(found))}. Load or train an agent for that family."
        )


def checked_policy(agent: object, policy: object, method: str = "adapt") -> Policy:
    """Make sure that ``adapt`` returned a policy.

    Args:
        agent: the agent, for the message.
        policy: what its ``adapt`` returned.
        method: what returned it, for the message.

    Raises:
        AgentError: the returned object has no ``act``.
    """
    if not isinstance(policy, Policy):
        raise AgentError(
            f"{type(agent).__name__}.{method} returned {type(policy).__name__}, which has no "
            "method act(observations) -> actions. Return an object that has one."
        )
    return policy


def pad_contexts(contexts: Sequence[Context]) -> tuple[Context, BoolArray]:
    """Stack contexts with different numbers of demonstrations.

    Args:
        contexts: one per slot.

    Returns:
        One context with the leading axis of slots, in which missing demonstrations are zero, and a
        mask (slots, K) of the demonstrations that are present.

    Raises:
        AgentError: there are no contexts, or only some of them have actions.
    """
    if not contexts:
        raise AgentError("adapt was given no contexts; give one per environment slot.")
    most = max(context.shots for context in contexts)
    present = np.array([[k < context.shots for k in range(most)] for context in contexts])

    def stack(arrays: list[Float32Array]) -> Float32Array:
        stacked = np.zeros((len(arrays), most, *arrays[0].shape[1:]), np.float32)
        for row, array in zip(stacked, arrays, strict=True):
            row[: len(array)] = array
        return stacked

    actions = [context.actions for context in contexts if context.actions is not None]
    if 0 < len(actions) < len(contexts):
        raise AgentError("some contexts have actions and some do not; give all or none.")
    return (
        Context(
            family=contexts[0].family,
            observations=stack([context.observations for context in contexts]),
            actions=stack(actions) if actions else None,
            next_observations=stack([context.next_observations for context in contexts]),
        ),
        present,
    )
