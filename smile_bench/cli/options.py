"""What several commands share: options of a training, and agents by name."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smile_bench.agents import Agent, FineTuningAgent, PrivilegedAgent

__all__ = [
    "add_run_options",
    "add_timeout_option",
    "agent_by_name",
    "fine_tuner_by_name",
    "opened_agent",
]


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every training."""
    parser.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    parser.add_argument(
        "--directory",
        help="where checkpoints, logs and weights go, by default below runs/; a training that was "
        "interrupted there continues",
    )


def add_timeout_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that limits the answers of an agent in a process of its own."""
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="for each answer of an agent that runs in a process of its own (3600)",
    )


def agent_by_name(name: str, family: str, *, seed: int | None = None) -> Agent | PrivilegedAgent:
    """A registered agent, or the one that an import path ``package.module:name`` names.

    Args:
        name: of the agent, or its import path.
        family: the family's id.
        seed: training seed, for a function of an import path that takes one.

    Raises:
        UnknownNameError: no such agent or family.
        AgentError: there are no weights for the family, or the path gives no agent.
    """
    from smile_bench.agents import import_agent
    from smile_bench.baselines import load_agent

    if ":" in name:
        return import_agent(name, family, seed=seed)
    return load_agent(name, family)


def fine_tuner_by_name(name: str, family: str) -> FineTuningAgent:
    """A registered fine-tuning agent, or the one that an import path names.

    Args:
        name: of the agent, or its import path.
        family: the family's id.

    Raises:
        UnknownNameError: no such agent or family.
        AgentError: the agent does not fine-tune, lacks weights, or cannot be imported.
    """
    from smile_bench.agents import import_fine_tuner
    from smile_bench.baselines import load_fine_tuner

    if ":" in name:
        return import_fine_tuner(name, family)
    return load_fine_tuner(name, family)


def opened_agent(
    name: str,
    family: str,
    *,
    isolated: bool,
    modules: Sequence[str] = (),
    seed: int | None = None,
    timeout: float | None = None,
) -> AbstractContextManager[Agent | PrivilegedAgent]:
    """An agent for a ``with`` block, in which an import path can run in a process of its own.

    Args:
        name: as :func:`agent_by_name` takes it.
        family: the family's id.
        isolated: whether an agent that an import path names gets its own process. Registered
            agents run in this one.
        modules: imported there first.
        seed: training seed, for a function of an import path that takes one.
        timeout: seconds for each answer of an isolated agent; None for the usual.

    Raises:
        InputError: ``timeout`` is not a positive number.
        UnknownNameError, AgentError: as :func:`agent_by_name`.
    """
    if isolated and ":" in name:
        from smile_bench.isolation.agent import TIMEOUT, isolated_agent

        seconds = TIMEOUT if timeout is None else timeout
        return isolated_agent(name, family, timeout=seconds, modules=modules, seed=seed)
    return nullcontext(agent_by_name(name, family, seed=seed))
