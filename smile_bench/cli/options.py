"""What several commands share: options of a training, and agents by name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smile_bench.agents import Agent, PrivilegedAgent

__all__ = ["add_run_options", "agent_by_name", "use_one_thread"]


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every training."""
    parser.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    parser.add_argument(
        "--directory",
        help="where checkpoints, logs and weights go, by default below runs/; a training that was "
        "interrupted there continues",
    )


def use_one_thread() -> None:
    """Let PyTorch compute on one thread: the networks are small, and trainings run side by side."""
    import torch

    torch.set_num_threads(1)


def agent_by_name(name: str, family: str) -> Agent | PrivilegedAgent:
    """A registered agent, or the one that an import path ``package.module:name`` names.

    Raises:
        UnknownNameError: no such agent or family.
        AgentError: there are no weights for the family, or the path gives no agent.
    """
    from smile_bench.agents import import_agent
    from smile_bench.baselines import load_agent

    return import_agent(name, family) if ":" in name else load_agent(name, family)
