"""The reference agents by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from smile_bench.agents import Agent, PrivilegedAgent
from smile_bench.baselines.references import ExpertAgent, TaskBlind
from smile_bench.baselines.retrieve_and_play import RetrieveAndPlay
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, UnknownNameError, suggestion

__all__ = ["AGENTS", "GRID_AGENTS", "TRAINED_AGENTS", "load_agent", "weights_path"]


def weights_path(name: str, family: str) -> Path:
    """Where the released weights of an agent for a family lie."""
    folder = Path(str(resources.files("smile_bench.baselines") / "weights"))
    return folder / name / f"{family}.safetensors"


def _trained(name: str, module: str = "imitator", kind: str = "Imitator") -> Callable[[str], Agent]:
    """An agent whose weights ship with the suite, or are trained by its user."""

    def load(family: str) -> Agent:
        if name in GRID_AGENTS:
            from smile_bench.baselines.grid_evidence import require_grid

            require_grid(family)
        path = weights_path(name, family)
        if not path.exists():
            raise AgentError(
                f"no {name} weights for {family} ship with this version of smile-bench; train it "
                f"with `smile-bench train --agent {name} --family {family}`."
            )
        try:
            found = importlib.import_module(f"smile_bench.baselines.{module}")
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise AgentError(
                f"{name} needs PyTorch: install it with `pip install 'smile-bench[baselines]'`."
            ) from error
        loaded = getattr(found, kind).load(path)
        if (loaded.name, loaded.config.family) != (name, family):
            raise AgentError(
                f"{path} holds {loaded.name} for {loaded.config.family}, not {name} for {family}."
            )
        agent: Agent = loaded
        return agent

    return load


def _inverse_rl(module: str, name: str, **settings: Any) -> Callable[[str], Agent]:
    """An agent that learns from contexts alone, imported when it is asked for."""

    def load(family: str) -> Agent:
        found = importlib.import_module(f"smile_bench.baselines.{module}")
        agent: Agent = getattr(found, name)(family, **settings)
        return agent

    return load


TRAINED_AGENTS = (
    "meta-bc",
    "meta-dagger",
    "smile",
    "smile-state-only",
    "smile-paper",
    "smile-paper-state-only",
)
"""Those that are networks with weights for each family."""

AGENTS: dict[str, Callable[[str], Agent | PrivilegedAgent]] = {
    "expert": ExpertAgent,
    "task-blind": TaskBlind,
    "retrieve-and-play": RetrieveAndPlay,
    **{name: _trained(name) for name in TRAINED_AGENTS},
    "feature-matching": _inverse_rl("max_margin", "FeatureMatching"),
    "max-margin-irl": _inverse_rl("max_margin", "MaxMarginIRL"),
    "maxent-irl": _inverse_rl("maxent_irl", "MaxEntIRL"),
    "causal-maxent-irl": _inverse_rl("maxent_irl", "MaxEntIRL", causal=True),
    "guided-cost-learning": _inverse_rl("sampled_irl", "GuidedCostLearning"),
    "gan-irl": _inverse_rl("sampled_irl", "GanIRL"),
    "gan-plain": _inverse_rl("sampled_irl", "PlainDiscriminator"),
    "tabular-smile": _trained("tabular-smile", "tabular_smile", "TabularSmile"),
}
"""Agent name to its loader for a family id."""

GRID_AGENTS = (
    "feature-matching",
    "max-margin-irl",
    "maxent-irl",
    "causal-maxent-irl",
    "guided-cost-learning",
    "gan-irl",
    "gan-plain",
    "tabular-smile",
)
"""Those that need a gridworld family and refuse others."""


def load_agent(name: str, family: str) -> Agent | PrivilegedAgent:
    """A reference agent, ready to be evaluated.

    Args:
        name: one of :data:`AGENTS`.
        family: the family's id.

    Raises:
        UnknownNameError: no such agent or family.
        AgentError, ExpertError, DatasetError: the agent has no weights for the family.
    """
    if name not in AGENTS:
        raise UnknownNameError(f"unknown agent {name!r}. {suggestion(name, AGENTS)}")
    return AGENTS[name](get_family(family).id)
