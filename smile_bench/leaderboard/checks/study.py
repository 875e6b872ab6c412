"""Tables of studies: what many trainings under several conditions gave, read from a file.

``smile-bench study table`` writes them. The leaderboard shows them beside its entries and replays
nothing of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_bench.datasets.conditions.condition import Condition, FamilyCondition
from smile_bench.envs import all_families, get_family
from smile_bench.errors import LeaderboardError, SmileError, require_known, shown
from smile_bench.io.schema import (
    Amount,
    Anything,
    Each,
    Flag,
    Integer,
    Items,
    Optional,
    Record,
    Rule,
    Text,
    refuse,
)
from smile_bench.leaderboard.entries.files import read_object
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.tracks import TRACKS

__all__ = ["COMMAND", "FORMAT", "CellCost", "StudyCell", "read_studies", "read_study"]

FORMAT = "smile-bench-study-table-1"
COMMAND = "smile-bench study table"
LIMIT = 16 * 2**20
MOST_CELLS = 2_000
MOST_SEEDS = 100


@dataclass(frozen=True)
class _Finite(Rule):
    """A finite number, integer or not."""

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
            raise refuse(where, value, "a finite number")


_SHA256 = Text(r"[0-9a-f]{64}")
_SHORT = Text(longest=80)
_CONDITION = Record(
    {
        "demonstrations": Integer(1),
        "tasks": Integer(1),
        "subsample": Integer(1),
        "variant": _SHORT,
        "sha256": _SHA256,
        "label": Text(),
    }
)
_COST = Record(
    dict.fromkeys(("seconds", "cpu_seconds", "env_steps", "expert_queries"), Optional(Amount()))
)
_OF_SEEDS = Items(Optional(_Finite()), MOST_SEEDS)
_OF_TASKS = Items(Items(Optional(_Finite()), 1000), MOST_SEEDS)
_CELL = Record(
    {
        "agent": _SHORT,
        "family": _SHORT,
        "protocol": _SHORT,
        "track": _SHORT,
        "state_only": Flag(),
        "condition": _CONDITION,
        "settings": Anything(most=200),
        "seeds": Items(Integer(), MOST_SEEDS),
        "scores": _OF_TASKS,
        "metric": _SHORT,
        "metrics": _OF_TASKS,
        "best": _OF_SEEDS,
        "last": _OF_SEEDS,
        "cost": _COST,
    }
)
_TABLE = Record(
    {
        "format": Text(FORMAT),
        "study": _SHORT,
        "sha256": _SHA256,
        "versions": Each(_SHORT),
        "cells": Items(_CELL, MOST_CELLS),
    }
)


@dataclass(frozen=True, kw_only=True)
class CellCost:
    """What one training of a cell took, averaged over seeds; None where it is unknown."""

    seconds: float | None
    cpu_seconds: float | None
    env_steps: float | None
    expert_queries: float | None


@dataclass(frozen=True, kw_only=True)
class StudyCell:
    """The trainings of one agent on one family under one condition, with all their seeds."""

    study: str
    agent: str
    family: str
    track: str
    state_only: bool
    condition: FamilyCondition
    settings: tuple[tuple[str, str], ...]
    """What differs from the agent's preset, by name."""
    seeds: tuple[int, ...]
    scores: tuple[tuple[float | None, ...], ...]
    """Normalised scores (seeds, tasks); None on a task that the references cannot measure."""
    metrics: tuple[tuple[float | None, ...], ...]
    """The family's primary metric, (seeds, tasks)."""
    best: tuple[float | None, ...]
    """Best meta-validation metric along the way, of each seed."""
    last: tuple[float | None, ...]
    """Meta-validation metric of the last checkpoint, of each seed."""
    cost: CellCost

    @property
    def key(self) -> tuple[object, ...]:
        """What tells a cell from others: a study measures each once."""
        return (
            self.study,
            self.agent,
            self.family,
            self.track,
            self.state_only,
            self.condition,
            self.settings,
        )


def read_studies(paths: Sequence[Path]) -> tuple[StudyCell, ...]:
    """The cells of several tables; of the same cell in two tables, that of the later one.

    Raises:
        LeaderboardError: a file is missing, damaged or of another format.
    """
    found: dict[tuple[object, ...], StudyCell] = {}
    for path in paths:
        found |= {cell.key: cell for cell in read_study(path)}
    return tuple(found.values())


def read_study(path: Path) -> tuple[StudyCell, ...]:
    """The cells of one table, at most 2000.

    Raises:
        LeaderboardError: the file is missing, larger than 16 MiB, of another format or damaged, or
            was measured under another protocol. The message names the file and the place in it.
    """
    try:
        document = read_object(path, limit=LIMIT)
        if document.get("format") != FORMAT:
            raise LeaderboardError(
                f"{path} has the format {shown(document.get('format'))}; expected {FORMAT!r}."
            )
        _TABLE.check(document, path.name)
        cells: dict[tuple[object, ...], StudyCell] = {}
        for number, part in enumerate(document["cells"]):
            where = f"{path.name}.cells[{number}]"
            try:
                cell = _cell(str(document["study"]), part)
            except SmileError as error:
                raise LeaderboardError(f"{where}: {error}") from error
            if cell.key in cells:
                raise LeaderboardError(
                    f"{where} is the second one of {cell.agent} on {cell.family} with "
                    f"{cell.condition} and the same settings."
                )
            cells[cell.key] = cell
    except SmileError as error:
        raise LeaderboardError(f"{error} Write the table again with `{COMMAND}`.") from error
    return tuple(cells.values())


def _cell(study: str, part: Mapping[str, Any]) -> StudyCell:
    """A cell whose fields have the right types.

    Raises:
        SmileError: they do not fit the family, the protocol or each other.
    """
    require_known("family", [part["family"]], all_families())
    require_known("track", [part["track"]], TRACKS)
    family = get_family(part["family"])
    version = load_meta_test(family).version
    if part["protocol"] != version:
        raise LeaderboardError(
            f"its protocol version is {part['protocol']}; this leaderboard has {version}."
        )
    if part["metric"] != family.metric.name:
        raise LeaderboardError(
            f"its metric is {shown(part['metric'])}; the primary one of {family.id} is "
            f"{family.metric.name!r}."
        )
    _check_shapes(part, len(family.table("test")))
    stated = part["condition"]
    names = ("demonstrations", "tasks", "subsample", "variant")
    condition = Condition(**{name: stated[name] for name in names}).on(family)
    if stated["sha256"] != condition.digest:
        raise LeaderboardError(
            f"its condition, {condition}, has the digest {stated['sha256'][:16]}…; in this version "
            f"of smile-bench it is {condition.digest[:16]}…."
        )
    return StudyCell(
        study=study,
        **{name: part[name] for name in ("agent", "family", "track", "state_only")},
        condition=condition,
        settings=tuple((name, _as_text(value)) for name, value in sorted(part["settings"].items())),
        seeds=tuple(part["seeds"]),
        scores=tuple(map(tuple, part["scores"])),
        metrics=tuple(map(tuple, part["metrics"])),
        best=tuple(part["best"]),
        last=tuple(part["last"]),
        cost=CellCost(**part["cost"]),
    )


def _check_shapes(part: Mapping[str, Any], tasks: int) -> None:
    """Refuse a cell whose lists do not have a row for each seed, or the wrong number of tasks."""
    seeds = part["seeds"]
    if len(set(seeds)) < len(seeds):
        raise LeaderboardError(f"its seeds are {shown(seeds)}; expected each once.")
    for name in ("scores", "metrics"):
        if len(part[name]) != len(seeds) or any(len(row) != tasks for row in part[name]):
            raise LeaderboardError(
                f"{name} must have {len(seeds)} rows, one for each seed, of {tasks} tasks each."
            )
    unmeasured = {tuple(score is None for score in row) for row in part["scores"]}
    if len(unmeasured) > 1 or all(next(iter(unmeasured))):
        raise LeaderboardError(
            "scores must be null on the same tasks for every seed, and a number on one at least."
        )
    for name in ("best", "last"):
        if len(part[name]) != len(seeds):
            raise LeaderboardError(f"{name} must have {len(seeds)} values, one for each seed.")


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
