"""Made-up results and entries: all but the physics is as in real ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.envs import get_family
from smile_bench.protocol.fine_tuning import EPISODES, load_fine_tuning
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import FineTuningFacts, Result, render, sealed
from smile_bench.protocol.scores import normalised_scores

ANT = "SmileAntGoal-v0"
CLASSIFICATION = "SmileAntLinearClassification-v0"
CHEETAH = "SmileHalfCheetahVelocity-v0"
WALKER = "SmileWalkerDynamics-v0"
GRID = "SmileGridGoal-v0"
FAMILIES = (ANT, CLASSIFICATION, CHEETAH, WALKER)
"""The families that the overall rank is over."""

VERSIONS = {
    "smile-bench": "0.1.0",
    "mujoco": "4.0.0",
    "gymnasium": "1.4.0",
    "numpy": "2.4.6",
    "python": "3.11.7",
}


def training(seed: int, **facts: Any) -> dict[str, Any]:
    """What a result states of an offline training."""
    stated = {
        "seed": seed,
        "command": "none",
        "seconds": 1800.0,
        "track": "offline",
        "access": {"demonstrations": 64, "env_steps": 0, "expert_queries": 0},
    }
    return {**stated, **facts}


def without_demonstrations(family: str, seed: int = 0, share: float = 0.5) -> dict[str, Any]:
    """What a result states of a training on the unsupervised track.

    Args:
        family: the family's id; it has a partition.
        seed: of the training.
        share: of the family's cells that it reached, about.
    """
    partition = get_family(family).coverage_cells
    assert partition is not None
    cells, reached = partition.cells, round(share * partition.cells)
    return training(
        seed,
        track="unsupervised",
        access={"demonstrations": 0, "env_steps": 5000, "expert_queries": 0},
        coverage={
            "partition": partition.name,
            "cells": cells,
            "reached": reached,
            "share": reached / cells,
        },
    )


def result(
    family: str,
    *,
    agent: str = "made-up",
    level: float = 0.5,
    spread: float = 0.0,
    seed: int = 0,
    shots: int | None = None,
    **facts: Any,
) -> Result:
    """A result in which every episode of a task scores ``level``, give or take ``spread``.

    Args:
        family: the family's id.
        agent: the agent's name.
        level: normalised score.
        spread: standard deviation of scores over tasks.
        seed: of the training and of the spread.
        shots: context size, for an evaluation of a shot curve.
        facts: fields of the result that differ.
    """
    meta_test = load_meta_test(family)
    rng = np.random.default_rng([seed, len(family)])
    wanted = level + spread * rng.standard_normal(len(get_family(family).table("test")))
    episodes = {}
    for metric in get_family(family).metrics:
        expert = meta_test.references.expert[metric.name]
        blind = meta_test.references.blind[metric.name]
        episodes[metric.name] = (blind + wanted * (expert - blind))[meta_test.tasks]
    sizes = meta_test.shots if shots is None else np.full_like(meta_test.shots, shots)
    fields: dict[str, Any] = {
        "agent": agent,
        "family": family,
        "protocol_version": meta_test.version,
        "meta_test": meta_test.digest,
        "dataset": meta_test.dataset,
        "privileged": False,
        "state_only": False,
        "evaluation": "primary" if shots is None else f"{shots} shots",
        "tasks": meta_test.tasks,
        "shots": sizes,
        "episodes": episodes,
        "scores": normalised_scores(family, meta_test.tasks, episodes, meta_test.references),
        "versions": VERSIONS,
        "hardware": {"machine": "x86_64", "processor": "made up", "cpus": 2, "system": "Linux"},
        "seconds": {"adapt": 0.5, "act": 1.0, "simulate": 2.0},
        "training": training(seed),
    }
    return Result(**{**fields, **facts})


def write_result(folder: Path, made: Result, *, evidence: bytes | None = None) -> None:
    """Write a result, and bytes in place of its evidence: by default the folder's name."""
    folder.mkdir(parents=True)
    content = str(folder).encode() if evidence is None else evidence
    digest = hashlib.sha256(content).hexdigest()
    (folder / "result.json").write_text(render(sealed(made.to_dict(), digest)), encoding="utf-8")
    (folder / "evidence.h5").write_bytes(content)


def card(name: str, evaluated: Sequence[str] = FAMILIES, /, **facts: Any) -> dict[str, Any]:
    """An ``entry.json``."""
    document = {
        "format": "smile-bench-entry-1",
        "name": name,
        "title": name.replace("-", " ").title(),
        "authors": ["A. Author", "B. Author"],
        "paper": "https://example.org/paper",
        "code": None,
        "description": "Made up.",
        "track": "offline",
        "state_only": False,
        "demonstrations": dict.fromkeys(evaluated, 16),
    }
    return {**document, **facts}


def write_card(folder: Path, document: Mapping[str, Any]) -> None:
    """Write an ``entry.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "entry.json").write_text(json.dumps(document), encoding="utf-8")


def move_evidence(result: Path, elsewhere: Path) -> Path:
    """Move a result's evidence to its place in a folder with the layout of the entries.

    Returns:
        The moved file.
    """
    target = elsewhere.joinpath(*result.parts[-4:], "evidence.h5")
    target.parent.mkdir(parents=True, exist_ok=True)
    return (result / "evidence.h5").rename(target)


def write_entry(
    root: Path,
    name: str,
    *,
    families: Sequence[str] = FAMILIES,
    seeds: Sequence[int] = (0,),
    level: float = 0.5,
    spread: float = 0.0,
    facts: Mapping[str, Any] | None = None,
    **about: Any,
) -> Path:
    """Write an entry's folder; return it.

    Args:
        root: the folder of entries.
        name: the entry's name.
        families: the families it was evaluated on.
        seeds: the seeds of its trainings.
        level: its normalised score.
        spread: standard deviation of scores over tasks.
        facts: fields of its results that differ.
        about: keys of its ``entry.json`` that differ.
    """
    folder = root / name
    write_card(folder, card(name, families, **about))
    for family in families:
        for seed in seeds:
            made = result(
                family,
                agent=name,
                level=level,
                spread=spread,
                seed=seed,
                **{"training": training(seed), **(facts or {})},
            )
            write_result(folder / family / f"seed-{seed}" / "primary", made)
    return folder


def fine_tuned_result(
    family: str, contexts: str, number: int, *, level: float = 0.5, seed: int = 0, **facts: Any
) -> Result:
    """A result of fine-tuning in which every episode of a task scores ``level``.

    Args:
        family: the family's id.
        contexts: who gave the demonstrations.
        number: rewarded episodes, one of the protocol's.
        level: normalised score.
        seed: of the learning.
        facts: fields of the result that differ.
    """
    frozen = load_fine_tuning(family, contexts)
    episodes = {}
    for metric in get_family(family).metrics:
        expert = frozen.references.expert[metric.name]
        blind = frozen.references.blind[metric.name]
        episodes[metric.name] = (blind + level * (expert - blind))[frozen.tasks]
    learned = FineTuningFacts(
        contexts=contexts,
        seed=seed,
        schedule=tuple(n for n in EPISODES if n <= number),
        used_episodes=number,
        used_steps=number * get_family(family).horizon,
    )
    fields: dict[str, Any] = {
        "protocol_version": frozen.version,
        "meta_test": frozen.digest,
        "dataset": frozen.dataset,
        "evaluation": learned.evaluation,
        "tasks": frozen.tasks,
        "shots": frozen.shots,
        "episodes": episodes,
        "scores": normalised_scores(family, frozen.tasks, episodes, frozen.references),
        "training": training(7),
        "fine_tuning": learned,
    }
    return replace(result(family), **{**fields, **facts})


def write_fine_tuned(
    root: Path,
    name: str,
    *,
    levels: Mapping[str, Sequence[float]],
    family: str = GRID,
    seeds: Sequence[int] = (0, 1),
    facts: Mapping[str, Any] | None = None,
    **about: Any,
) -> Path:
    """Write the folder of an entry of the fine-tune track; return it.

    Args:
        root: the folder of entries.
        name: the entry's name.
        levels: who gave the demonstrations, to the score after each number of rewarded episodes.
        family: the family.
        seeds: the seeds of its learning.
        facts: fields of its results that differ.
        about: keys of its ``entry.json`` that differ.
    """
    folder = root / name
    write_card(folder, card(name, (family,), **{"track": "fine-tune", **about}))
    for seed in seeds:
        for contexts, scores in levels.items():
            for number, level in zip(EPISODES, scores, strict=True):
                made = fine_tuned_result(
                    family, contexts, number, level=level, seed=seed, **(facts or {})
                )
                where = folder / family / f"seed-{seed}" / f"{contexts}-{number}"
                write_result(where, made)
    return folder
