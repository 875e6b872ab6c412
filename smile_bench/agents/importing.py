"""Agents that the user names by an import path."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from smile_bench.agents.fine_tuning import FineTuningAgent, require_fine_tuner
from smile_bench.agents.interface import Agent
from smile_bench.errors import AgentError
from smile_bench.imports import working_directory_importable

__all__ = ["import_agent", "import_fine_tuner"]


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
    agent = _imported(path, family, seed)
    if not isinstance(agent, Agent):
        raise AgentError(
            f"{path!r} gives {type(agent).__name__}, which has no method adapt(contexts) -> policy."
        )
    return agent


def import_fine_tuner(path: str, family: str) -> FineTuningAgent:
    """Import a fine-tuning agent that the user names.

    Args:
        path: ``"package.module:name"``, as :func:`import_agent` takes it.
        family: the family's id.

    Raises:
        AgentError: as :func:`import_agent`.
    """
    return require_fine_tuner(_imported(path, family, None))


def _imported(path: str, family: str, seed: int | None) -> object:
    """What a path names, or what the function that it names makes."""
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
        return found if _is_instance(found) else _made(path, found, family, seed)


def _is_instance(found: object) -> bool:
    """Whether this is an agent already; the class of one has the same methods."""
    return isinstance(found, Agent | FineTuningAgent) and not isinstance(found, type)


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
