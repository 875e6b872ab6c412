"""Frozen and fresh scores of agents, for one season, and the file that holds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.agents import Agent, PrivilegedAgent
from smile_bench.arrays import FloatArray
from smile_bench.envs import Family, get_family
from smile_bench.io.files import write_atomically
from smile_bench.protocol import evaluate
from smile_bench.protocol.freeze import BLIND_EPISODES
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.season import fresh_scores, sample_season
from smile_bench.provenance import package_versions, weights_of

__all__ = ["FORMAT", "measure_family", "season_document", "write_season"]

FORMAT = "smile-bench-season-1"

OpenAgent = Callable[[str, str], AbstractContextManager[Agent | PrivilegedAgent]]
"""Opens an agent for a ``with`` block, given its name and a family's id."""


def measure_family(
    family: str | Family,
    agents: Iterable[str],
    seed: int,
    open_agent: OpenAgent,
    *,
    blind_episodes: int = BLIND_EPISODES,
) -> Iterator[dict[str, Any]]:
    """Score agents on the frozen meta-test set of a family and on a fresh one.

    Args:
        family: the family or its id.
        agents: names that ``open_agent`` takes.
        seed: of the season.
        open_agent: opens an agent.
        blind_episodes: about how many episodes measure the task-blind reference.

    Yields:
        After each agent, the family's part of the document with all agents so far.

    Raises:
        UnknownNameError, AgentError: there is no such family or agent, or the agent breaks the
            interface.
        InputError: the seed cannot be one of a season.
    """
    family = get_family(family)
    season = sample_season(family, seed, blind_episodes=blind_episodes)
    part: dict[str, Any] = {
        "protocol_version": load_meta_test(family).version,
        "new_tasks": season.new_tasks,
        "tasks": len(season.family.table("test")),
        "episodes": len(season.meta_test.tasks),
        "season_sha256": season.digest,
        "agents": {},
    }
    for name in agents:
        with open_agent(name, family.id) as agent:
            frozen, fresh = evaluate(agent, family).scores, fresh_scores(season, agent)
            part["agents"][name] = {"weights_sha256": weights_of(agent), **_compared(frozen, fresh)}
        yield part


def season_document(seed: int, families: dict[str, Any]) -> dict[str, Any]:
    """The document of a season. It has no times, so that equal measurements give equal bytes.

    Args:
        seed: of the season.
        families: the parts of :func:`measure_family` by the families' ids.
    """
    return {
        "format": FORMAT,
        "seed": seed,
        "versions": package_versions(),
        "families": families,
    }


def write_season(path: Path, document: dict[str, Any]) -> None:
    """Write the document of a season, whole or not at all."""
    write_atomically(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def _compared(frozen: FloatArray, fresh: FloatArray) -> dict[str, Any]:
    """Both scores, fresh minus frozen, and the standard error of that over tasks."""
    error = np.sqrt(_squared_error(frozen) + _squared_error(fresh))
    return {
        "frozen": float(np.nanmean(frozen)),
        "fresh": float(np.nanmean(fresh)),
        "gap": float(np.nanmean(fresh) - np.nanmean(frozen)),
        "gap_error": float(error),
        "frozen_per_task": _listed(frozen),
        "fresh_per_task": _listed(fresh),
    }


def _squared_error(scores: FloatArray) -> float:
    finite = scores[np.isfinite(scores)]
    return float(finite.var(ddof=1) / len(finite)) if len(finite) > 1 else 0.0


def _listed(scores: FloatArray) -> list[float | None]:
    return [None if np.isnan(score) else float(score) for score in scores]
