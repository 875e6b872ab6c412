"""What was measured apart from a build: new trainings, fresh meta-test sets and studies.

They are files that the builder made with ``leaderboard retrain``, ``leaderboard season`` and
``study table``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smile_bench.errors import LeaderboardError
from smile_bench.io.files import write_atomically
from smile_bench.leaderboard.checks.retraining import Retrained
from smile_bench.leaderboard.checks.season import FORMAT as SEASON_FORMAT
from smile_bench.leaderboard.checks.study import StudyCell, read_studies
from smile_bench.leaderboard.entries.files import read_object
from smile_bench.leaderboard.entries.reading import Run

__all__ = ["Fresh", "Further", "read_further", "write_retrained"]

FORMAT = "smile-bench-retrained-1"
LIMIT = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """Scores of an agent on the frozen meta-test set and on that of a season, means over tasks."""

    season: int
    """Seed of the season."""
    frozen: float
    fresh: float
    gap: float
    """Fresh minus frozen."""
    gap_error: float
    """Standard error of the gap over tasks."""


@dataclass(frozen=True, kw_only=True)
class Further:
    """What was measured apart from a build."""

    retrained: Mapping[tuple[str, str], Retrained] = field(default_factory=dict)
    """By entry and family."""
    fresh: Mapping[tuple[str, str, str | None], Fresh] = field(default_factory=dict)
    """By agent, family and SHA-256 of the weights."""
    studies: tuple[StudyCell, ...] = ()
    """Trainings under several conditions."""

    def retrained_of(self, entry: str, runs: Sequence[Run]) -> Retrained | None:
        """What new trainings of an entry on one family gave, if it still scores the same."""
        found = self.retrained.get((entry, runs[0].family))
        if found is None:
            return None
        score = sum(run.primary.result.score for run in runs) / len(runs)
        return found if math.isclose(found.score, score, abs_tol=1e-9) else None

    def fresh_of(self, runs: Sequence[Run]) -> Fresh | None:
        """What the agent with the weights of the first of some runs scored in a season."""
        result = runs[0].primary.result
        return self.fresh.get((result.agent, result.family, result.weights))


def read_further(
    *,
    seasons: Sequence[Path] = (),
    retrained: Sequence[Path] = (),
    studies: Sequence[Path] = (),
) -> Further:
    """Read what seasons, new trainings and studies wrote; later files count.

    Raises:
        LeaderboardError: a file is missing, damaged or of another format.
    """
    fresh: dict[tuple[str, str, str | None], Fresh] = {}
    again: dict[tuple[str, str], Retrained] = {}
    for path in seasons:
        document = _document(path, SEASON_FORMAT, "smile-bench leaderboard season")
        with _Damaged(path, "smile-bench leaderboard season"):
            for family, part in document["families"].items():
                for agent, row in part["agents"].items():
                    numbers = {name: float(row[name]) for name in _NUMBERS}
                    key = (agent, family, row["weights_sha256"])
                    fresh[key] = Fresh(season=int(document["seed"]), **numbers)
    for path in retrained:
        document = _document(path, FORMAT, "smile-bench leaderboard retrain")
        with _Damaged(path, "smile-bench leaderboard retrain"):
            for family, part in document["families"].items():
                again[str(document["entry"]), family] = Retrained(
                    family=family,
                    score=float(part["score"]),
                    seeds=tuple(map(int, part["seeds"])),
                    scores=tuple(map(float, part["scores"])),
                    low=float(part["low"]),
                    high=float(part["high"]),
                )
    return Further(retrained=again, fresh=fresh, studies=read_studies(studies))


def write_retrained(path: Path, entry: str, found: Sequence[Retrained]) -> None:
    """Write what new trainings of an entry gave, whole or not at all."""
    families: dict[str, Any] = {}
    for one in found:
        facts = asdict(one)
        families[facts.pop("family")] = {**facts, "agrees": one.agrees}
    document = {"format": FORMAT, "entry": entry, "families": families}
    write_atomically(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


_NUMBERS = ("frozen", "fresh", "gap", "gap_error")


def _document(path: Path, expected: str, command: str) -> dict[str, Any]:
    document = read_object(path, limit=LIMIT)
    if document.get("format") != expected:
        raise LeaderboardError(
            f"{path} has the format {str(document.get('format'))[:60]!r}; expected {expected!r}. "
            f"Write it with `{command}`."
        )
    return document


@dataclass(frozen=True)
class _Damaged:
    """Turns what damaged data raise into one clear error."""

    path: Path
    command: str

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError | TypeError | ValueError | AttributeError):
            raise LeaderboardError(
                f"{self.path} is damaged ({type(error).__name__}: {str(error)[:80]}). Write it "
                f"again with `{self.command}`."
            ) from error
