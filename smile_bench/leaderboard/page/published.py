"""The paper's own numbers: rows that the page shows unverified and unranked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from smile_bench.errors import LeaderboardError
from smile_bench.io.shipped import require_unaltered

__all__ = ["Published", "PublishedFamily", "PublishedRow", "load_published"]


@dataclass(frozen=True, kw_only=True)
class PublishedFamily:
    """What the paper prints for one method on one family: means and standard deviations."""

    source: str
    """Where in the paper."""
    demonstrations: int
    subsample: int
    metrics: Mapping[str, tuple[float, float]]
    score: tuple[float, float] | None
    """The paper's own normalised metric, printed for walker dynamics only."""


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One method in one setting."""

    name: str
    title: str
    track: str
    state_only: bool
    families: Mapping[str, PublishedFamily]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A publication and its rows."""

    title: str
    authors: tuple[str, ...]
    venue: str
    address: str
    note: str
    rows: tuple[PublishedRow, ...]


@cache
def load_published() -> Published:
    """The numbers of the SMILe paper, tables 1 and 2.

    Raises:
        LeaderboardError: the file that ships is missing, altered or damaged.
    """
    path = Path(str(resources.files(__package__) / "data" / "published.json"))
    require_unaltered(path, LeaderboardError)
    try:
        return _published(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise LeaderboardError(
            f"{path}, the paper's numbers, is damaged ({type(error).__name__}: "
            f"{str(error)[:80]}). Install smile-bench again; in a checkout, restore the file with "
            "git."
        ) from error


def _published(document: Mapping[str, Any]) -> Published:
    return Published(
        **{key: document[key] for key in ("title", "venue", "address", "note")},
        authors=tuple(document["authors"]),
        rows=tuple(
            PublishedRow(
                **{key: row[key] for key in ("name", "title", "track", "state_only")},
                families={
                    family: PublishedFamily(
                        source=part["source"],
                        demonstrations=part["demonstrations"],
                        subsample=part["subsample"],
                        metrics={
                            name: (pair[0], pair[1]) for name, pair in part["metrics"].items()
                        },
                        score=tuple(part["score"]) if "score" in part else None,
                    )
                    for family, part in row["families"].items()
                },
            )
            for row in document["rows"]
        ),
    )
