"""The one table of agents: every declaration by name, those that ship and those added."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from smile_bench.agents import FineTuningAgent
from smile_bench.baselines.declaration import AgentSpec, AnyAgent, TrainingSpec
from smile_bench.compat import deprecated
from smile_bench.errors import InputError, UnknownNameError, suggestion

__all__ = [
    "AgentSpec",
    "AnyAgent",
    "TrainingSpec",
    "all_agents",
    "get_agent",
    "load_agent",
    "load_fine_tuner",
    "register_agent",
    "weights_path",
]

NOT_DECLARATIONS = ("declaration", "plan", "registry", "training")
"""Modules of ``smile_bench.baselines`` that declare no agent."""

_registered: dict[str, AgentSpec] = {}


def register_agent(spec: AgentSpec) -> AgentSpec:
    """Add an agent to the table, so that every command and the leaderboard know its name.

    Args:
        spec: its declaration.

    Returns:
        The declaration.

    Raises:
        InputError: another agent has this name.
    """
    if spec.name in all_agents():
        raise InputError(
            f"an agent {spec.name!r} is already registered. Register each agent once, under a name "
            "of its own."
        )
    _registered[spec.name] = spec
    return spec


def all_agents() -> Mapping[str, AgentSpec]:
    """Every agent by name: those that ship, then those that were registered."""
    return MappingProxyType({**_shipped(), **_registered})


def get_agent(name: str) -> AgentSpec:
    """The declaration of an agent.

    Raises:
        UnknownNameError: no such agent.
    """
    agents = all_agents()
    if name not in agents:
        raise UnknownNameError(f"unknown agent {name!r}. {suggestion(name, agents)}")
    return agents[name]


def load_agent(name: str, family: str) -> AnyAgent:
    """An agent, ready to be evaluated.

    Args:
        name: one of :func:`all_agents`.
        family: the family's id.

    Raises:
        UnknownNameError: no such agent or family.
        AgentError, ExpertError, DatasetError: the agent has no weights for the family.
    """
    return get_agent(name).make(family)


def load_fine_tuner(name: str, family: str) -> FineTuningAgent:
    """A fine-tuning agent, ready to learn in meta-test tasks.

    Args:
        name: one of :func:`all_agents`.
        family: the family's id.

    Raises:
        UnknownNameError: no such agent or family.
        AgentError: the agent does not fine-tune, or has no weights for the family.
    """
    return get_agent(name).make_fine_tuner(family)


def weights_path(name: str, family: str) -> Path:
    """Where the weights of an agent for a family lie.

    Raises:
        UnknownNameError: no such agent.
    """
    return get_agent(name).weights_path(family)


@cache
def _shipped() -> Mapping[str, AgentSpec]:
    """The ``AGENTS`` of every module beside this one; importing them needs no PyTorch."""
    package = importlib.import_module(__package__)
    found: dict[str, AgentSpec] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        if module.name in NOT_DECLARATIONS:
            continue
        declared = importlib.import_module(f"{__package__}.{module.name}")
        for spec in getattr(declared, "AGENTS", ()):
            if spec.name in found:
                raise InputError(f"two modules declare an agent {spec.name!r}; rename one.")
            found[spec.name] = spec
    return MappingProxyType(found)


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
