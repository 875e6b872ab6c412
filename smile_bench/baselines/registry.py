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

__all__ = ["AGENTS", "GRID_AGENTS", "load_agent", "weights_path"]


def weights_path(name: str, family: str) -> Path:
    """Where the released weights of an agent for a family lie."""
    folder = Path(str(resources.files("smile_bench.baselines") / "weights"))
    return folder / name / f"{family}.safetensors"


def _load_meta_bc(family: str) -> Agent:
    path = weights_path("meta-bc", family)
    if not path.exists():
        raise AgentError(
            f"no meta-bc weights for {family} ship with this version of smile-bench; train it "
            f"with `smile-bench train --agent meta-bc --family {family}`."
        )
    try:
        from smile_bench.baselines.meta_bc import MetaBC
    except ModuleNotFoundError as error:
        raise AgentError(
            "meta-bc needs PyTorch: install it with `pip install 'smile-bench[baselines]'`."
        ) from error
    return MetaBC.load(path)


def _load_tabular_smile(family: str) -> Agent:
    from smile_bench.baselines.grid_evidence import require_grid
    from smile_bench.baselines.tabular_smile import TabularSmile

    path = weights_path("tabular-smile", require_grid(family).id)
    if not path.exists():
        raise AgentError(
            f"no tabular-smile weights for {family} ship with this version of smile-bench; train "
            f"it with `smile-bench train --agent tabular-smile --family {family}`."
        )
    return TabularSmile.load(path)


def _inverse_rl(module: str, name: str, **settings: Any) -> Callable[[str], Agent]:
    """An agent that learns from contexts alone, imported when it is asked for."""

    def load(family: str) -> Agent:
        found = importlib.import_module(f"smile_bench.baselines.{module}")
        agent: Agent = getattr(found, name)(family, **settings)
        return agent

    return load


AGENTS: dict[str, Callable[[str], Agent | PrivilegedAgent]] = {
    "expert": ExpertAgent,
    "task-blind": TaskBlind,
    "retrieve-and-play": RetrieveAndPlay,
    "meta-bc": _load_meta_bc,
    "feature-matching": _inverse_rl("max_margin", "FeatureMatching"),
    "max-margin-irl": _inverse_rl("max_margin", "MaxMarginIRL"),
    "maxent-irl": _inverse_rl("maxent_irl", "MaxEntIRL"),
    "causal-maxent-irl": _inverse_rl("maxent_irl", "MaxEntIRL", causal=True),
    "guided-cost-learning": _inverse_rl("sampled_irl", "GuidedCostLearning"),
    "gan-irl": _inverse_rl("sampled_irl", "GanIRL"),
    "gan-plain": _inverse_rl("sampled_irl", "PlainDiscriminator"),
    "tabular-smile": _load_tabular_smile,
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
