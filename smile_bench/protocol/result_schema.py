"""What a result file must look like, and what an agent may state so that its result can be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smile_bench.envs import Family, all_families
from smile_bench.errors import AgentError, ProtocolError, suggestion
from smile_bench.io.schema import (
    Amount,
    Anything,
    Each,
    Flag,
    Integer,
    Items,
    Number,
    Optional,
    Record,
    Text,
)
from smile_bench.tracks import TRACKS

__all__ = [
    "BUDGET",
    "CONTEXTS",
    "EVIDENCE_FILE",
    "FORMAT",
    "RESULT_FILE",
    "require_schema",
    "require_statements",
]

CONTEXTS = ("expert", "half")
"""Who gives the demonstrations in the contexts of fine-tuning agents: the expert, or a policy with
half its score."""
BUDGET = 100
"""Rewarded episodes that a fine-tuning agent may use in a task."""

FORMAT = "smile-bench-result-2"
RESULT_FILE, EVIDENCE_FILE = "result.json", "evidence.h5"
SHA256 = Text(r"[0-9a-f]{64}")
VERSION = Text(r"\d+(\.\d+)*\S*", longest=60)
RELEASE = Text(r"\d+\.\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?", longest=60)
"""The version of MuJoCo, as its releases are called."""
AGENT = Text()
TRAINING = Anything(
    known={
        "seed": Integer(),
        "command": Text(longest=2000),
        "seconds": Amount(),
        "cpu_seconds": Amount(),
        "track": Text("|".join(map(re.escape, TRACKS))),
        "access": Each(Integer()),
        "coverage": Record(
            {"partition": Text(), "cells": Integer(1), "reached": Integer(), "share": Amount()}
        ),
    }
)


def require_statements(agent: object, training: Mapping[str, Any] | None) -> None:
    """Refuse a name or a recipe that the reader of results would refuse.

    Args:
        agent: what the result shall call the agent.
        training: the agent's recipe, as JSON-able data.

    Raises:
        AgentError: saying what was found, where, and what fits.
    """
    try:
        AGENT.check(agent, "the agent's name")
        if training is not None:
            TRAINING.check(training, "the agent's recipe")
    except ProtocolError as error:
        raise AgentError(f"{error} No result could be read back with it.") from error


def require_schema(document: object, where: str) -> Family:
    """Check every field of a result.

    Args:
        document: the parsed JSON.
        where: the file, for messages.

    Returns:
        The result's family.

    Raises:
        ProtocolError: naming the first field that does not fit.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ProtocolError(
            f"{where} has format {str(found)[:60]!r}, expected {FORMAT!r}: it is not a result of "
            "this version of smile-bench."
        )
    families, name = all_families(), document.get("family")
    if not isinstance(name, str) or name not in families:
        raise ProtocolError(
            f"{where} names an unknown family {str(name)[:60]!r}. {suggestion(name, families)}"
        )
    family = families[name]
    _schema(family).check(document, where)
    episodes = document["episodes"]
    lengths = {name: len(column) for name, column in episodes.items()}
    if len(set(lengths.values())) != 1:
        raise ProtocolError(f"{where}: the columns of episodes have different lengths {lengths}.")
    tasks = len(family.table("test"))
    learned = document.get("fine_tuning")
    _require_learned(document["evaluation"], learned, family, where)
    whole = learned is not None or set(episodes["task"]) == set(range(tasks))
    if len(document["scores_per_task"]) != tasks or not whole:
        raise ProtocolError(
            f"{where} must have a score for each of the {tasks} meta-test tasks of {family.id}, "
            "and episodes of all of them."
        )
    if all(score is None for score in document["scores_per_task"]):
        raise ProtocolError(f"{where} has no score on any task; at least one is needed.")
    return family


def _require_learned(
    evaluation: str, learned: Mapping[str, Any] | None, family: Family, where: str
) -> None:
    """Refuse facts of fine-tuning that contradict each other or the evaluation's name."""
    if learned is None:
        if evaluation.startswith("fine-tune"):
            raise ProtocolError(f"{where} is of {evaluation!r}, but does not state fine_tuning.")
        return
    schedule, used = learned["schedule"], learned["used_episodes"]
    expected = f"fine-tune, {learned['contexts']}, {schedule[-1]} episodes"
    if evaluation != expected:
        raise ProtocolError(
            f"{where} is of the evaluation {evaluation!r}, but its fine_tuning says {expected!r}."
        )
    if sorted(set(schedule)) != schedule:
        raise ProtocolError(f"{where}: the schedule {schedule} of fine_tuning does not rise.")
    steps = learned["used_steps"]
    if used > schedule[-1] or steps > used * family.horizon:
        raise ProtocolError(
            f"{where} used {used} rewarded episodes and {steps} steps in each task; its budget was "
            f"{schedule[-1]} episodes of {family.horizon} steps."
        )


def _schema(family: Family) -> Record:
    """The schema of a family's results."""
    metrics = [metric.name for metric in family.metrics]
    tasks, sizes = len(family.table("test")), family.context_sizes
    fine_tuned = rf"fine-tune, ({'|'.join(CONTEXTS)}), \d{{1,3}} episodes"
    shown = "|".join(("primary", *(f"{size} shots" for size in sizes), fine_tuned))
    versions = dict.fromkeys(("smile-bench", "gymnasium", "numpy", "python"), VERSION)
    return Record(
        {
            "format": Text(re.escape(FORMAT)),
            "agent": AGENT,
            "family": Text(re.escape(family.id)),
            "protocol_version": Text(r"v\d+-[0-9a-f]{16}"),
            "meta_test_sha256": SHA256,
            "dataset_sha256": SHA256,
            "privileged": Flag(),
            "state_only": Flag(),
            "evaluation": Text(shown),
            "metric": Number(),
            "score": Number(),
            "metrics": Record(dict.fromkeys(metrics, Number())),
            "scores_per_task": Items(Optional(Number())),
            "episodes": Record(
                {
                    "task": Items(Integer(0, tasks - 1)),
                    "shots": Items(Integer(min(sizes), max(sizes))),
                    **dict.fromkeys(metrics, Items(Number())),
                }
            ),
            "training": Optional(TRAINING),
            "weights_sha256": Optional(SHA256),
            "versions": Record({**versions, "mujoco": RELEASE}, optional={"torch": VERSION}),
            "hardware": Record(
                {"machine": Text(), "processor": Text(), "cpus": Integer(1), "system": Text()}
            ),
            "seconds": Record(dict.fromkeys(("adapt", "act", "simulate"), Number(0.0))),
            "evidence": Record({"file": Text(re.escape(EVIDENCE_FILE)), "sha256": SHA256}),
            "seal": SHA256,
        },
        optional={
            "fine_tuning": Record(
                {
                    "contexts": Text("|".join(CONTEXTS)),
                    "seed": Integer(),
                    "schedule": Items(Integer(0, BUDGET)),
                    "used_episodes": Integer(0, BUDGET),
                    "used_steps": Integer(),
                }
            )
        },
    )
