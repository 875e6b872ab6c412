"""The agent interface: an agent sees contexts and returns a policy, which acts in their tasks."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench.arrays import BoolArray, Float32Array, FloatArray
from smile_bench.datasets.contexts import Context
from smile_bench.envs import Family
from smile_bench.errors import AgentError
from smile_bench.imports import working_directory_importable

__all__ = [
    "Agent",
    "Context",
    "Policy",
    "PrivilegedAgent",
    "checked_actions",
    "checked_policy",
    "import_agent",
    "is_state_only",
    "pad_contexts",
    "require_family",
]


TOLERANCE = 1e-6
"""How far beyond ±1 rounding may carry an action. Such an action is clipped."""


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


def checked_policy(agent: Agent, policy: object) -> Policy:
    """Make sure that ``adapt`` returned a policy.

    Args:
        agent: the agent, for the message.
        policy: what its ``adapt`` returned.

    Raises:
        AgentError: the returned object has no ``act``.
    """
    if not isinstance(policy, Policy):
        raise AgentError(
            f"{type(agent).__name__}.adapt returned {type(policy).__name__}, which has no "
            "method act(observations) -> actions. Return an object that has one."
        )
    return policy


def checked_actions(family: Family, actions: object, slots: int, step: int) -> Float32Array:
    """Make sure that a policy's actions can be applied.

    Args:
        family: the family of the environments.
        actions: what ``act`` returned.
        slots: number of environments.
        step: control step, for the message.

    Returns:
        The actions (slots, action_size) as float32, in [-1, 1].

    Raises:
        AgentError: the actions have another shape, are not numbers, not finite or out of range.
    """
    if hasattr(actions, "detach"):
        raise AgentError(
            "act returned a PyTorch tensor; return a NumPy array, such as "
            "actions.detach().cpu().numpy()."
        )
    try:
        given = np.asarray(actions)
    except (TypeError, ValueError) as error:
        raise AgentError(f"act must return an array of numbers: {error}") from error
    if given.dtype.kind not in "fiu":
        raise AgentError(f"act must return an array of real numbers, not of {given.dtype}.")
    array = given.astype(np.float64)
    if array.ndim and not np.isfinite(array).all():
        bad = np.unique(np.nonzero(~np.isfinite(array))[0]).tolist()
        raise AgentError(
            f"act returned NaN or infinity at step {step} in slots {bad[:8]}: check the policy's "
            "inputs and weights."
        )
    if isinstance(family.action_space, spaces.Discrete):
        return _checked_choices(family, array, slots, step)
    shape = (slots, family.action_size)
    if array.shape != shape:
        raise AgentError(
            f"act returned actions of shape {array.shape} at step {step}; for {slots} "
            f"observations of {family.id} it must return {shape}."
        )
    largest = float(np.abs(array).max())
    if largest > 1.0 + TOLERANCE:
        raise AgentError(
            f"act returned an action of {largest:.6g} at step {step}; actions must lie in "
            "[-1, 1]. Squash or clip them in the policy."
        )
    return np.clip(array, -1.0, 1.0).astype(np.float32)


def _checked_choices(family: Family, array: FloatArray, slots: int, step: int) -> Float32Array:
    """Discrete actions as one-hot rows (slots, n), from indices (slots,) or one-hot rows."""
    n = family.action_size
    eye = np.eye(n, dtype=np.float32)
    if array.shape == (slots,):
        if not np.isin(array, np.arange(n)).all():
            bad = array[~np.isin(array, np.arange(n))][:8].tolist()
            raise AgentError(
                f"act returned {bad} at step {step}; actions of {family.id} are the integers 0 to "
                f"{n - 1}."
            )
        chosen: Float32Array = eye[array.astype(np.int64)]
        return chosen
    if array.shape != (slots, n):
        raise AgentError(
            f"act returned actions of shape {array.shape} at step {step}; for {slots} observations "
            f"of {family.id} it must return integers ({slots},) or one-hot rows ({slots}, {n})."
        )
    rows: Float32Array = eye[np.argmax(array, axis=1)]
    if not np.array_equal(rows, array):
        raise AgentError(
            f"act returned rows at step {step} that are not one-hot; {family.id} has {n} discrete "
            "actions. Return the chosen index, or 1 for it and 0 for the others."
        )
    return rows


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


def import_agent(path: str, family: str, *, seed: int | None = None) -> Agent:
    """Import an agent that the user names.

    Modules of the working directory are found while this function runs. Modules that the agent
    imports later, in ``adapt`` or ``act``, must be importable by themselves.

    Args:
        path: ``"package.module:name"``. The name is an agent, or a function that makes one from the
            family's id, or from that and a training seed: a second positional parameter, or one
            that is named ``seed``.
        family: the family's id.
        seed: the training seed, for a function that takes one; None leaves it to the function.

    Raises:
        AgentError: the path does not have this form, cannot be imported, or does not give an agent.
    """
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise AgentError(
            f"{path!r} is not an import path of an agent; give it as package.module:make_agent."
        )
    with working_directory_importable():
        try:
            found = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError) as error:
            raise AgentError(f"cannot import {path!r}: {error}.") from error
        agent = found if _is_instance(found) else _made(path, found, family, seed)
    if not isinstance(agent, Agent):
        raise AgentError(
            f"{path!r} gives {type(agent).__name__}, which has no method adapt(contexts) -> policy."
        )
    return agent


def _is_instance(found: object) -> bool:
    """Whether this is an agent already; the class of one has the same methods."""
    return isinstance(found, Agent) and not isinstance(found, type)


def _made(path: str, make: Any, family: str, seed: int | None) -> object:
    positional: tuple[Any, ...] = (family,)
    named: dict[str, int] = {}
    if seed is not None and (place := _place_of_seed(make)) is not None:
        if place == "seed":
            named = {"seed": seed}
        else:
            positional = (family, seed)
    try:
        return make(*positional, **named)
    except Exception as error:
        raise AgentError(
            f"{path!r} could not be called with the family's id to make an agent: "
            f"{type(error).__name__}: {error}"
        ) from error


def _place_of_seed(make: Any) -> str | None:
    """The parameter of a function that takes a training seed, or None if none does.

    That is the parameter ``seed``, else a second one that must be given.
    """
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):
        return None
    if "seed" in parameters and parameters["seed"].kind is not inspect.Parameter.POSITIONAL_ONLY:
        return "seed"
    positional = [
        name
        for name, one in parameters.items()
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) and one.default is one.empty
    ]
    return positional[1] if len(positional) == 2 else None
