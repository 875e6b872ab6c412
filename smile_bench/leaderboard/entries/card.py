"""The card of an entry, ``entry.json``: what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smile_bench.envs import all_families
from smile_bench.errors import LeaderboardError, require_known
from smile_bench.leaderboard.entries.files import read_object, require_keys, require_name
from smile_bench.tracks import TRACKS

__all__ = ["FORMAT", "Card", "read_card"]

FORMAT = "smile-bench-entry-1"
LIMIT = 64 * 1024
MAX_DEMONSTRATIONS = 1_000_000

_REQUIRED = ("format", "name", "title", "authors", "track", "state_only", "demonstrations")
_OPTIONAL = ("$schema", "paper", "code", "description", "families", "reference", "agent")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, kw_only=True)
class Card:
    """An entry's metadata. All text is untrusted."""

    name: str
    """The name of the entry's folder."""
    title: str
    authors: tuple[str, ...]
    paper: str | None
    """An address, http or https."""
    code: str | None
    """An address, http or https."""
    description: str
    track: str
    """A name of :data:`smile_bench.tracks.TRACKS`."""
    state_only: bool
    """Whether it learned and acted without seeing the expert's actions."""
    demonstrations: Mapping[str, int]
    """How many demonstrations of each meta-train task it was trained on, by family."""
    reference: bool
    """Whether it is privileged, that is, sees the task: listed, never ranked."""
    agent: str | None
    """Its name in smile-bench, if its weights ship and anyone can run it again."""

    @property
    def families(self) -> tuple[str, ...]:
        """The families that it was evaluated on."""
        return tuple(self.demonstrations)


def read_card(path: Path) -> Card:
    """Read and check ``entry.json``.

    Raises:
        LeaderboardError: a key is missing or unknown, or a value is too long or of another type.
        UnknownNameError: there is no such family or track.
    """
    document = read_object(path, limit=LIMIT)
    require_keys(path.name, document, _REQUIRED, _OPTIONAL)
    if document["format"] != FORMAT:
        raise LeaderboardError(
            f"entry.json has the format {document['format']!r}; expected {FORMAT!r}."
        )
    authors = document["authors"]
    if not isinstance(authors, list) or not 1 <= len(authors) <= 100:
        raise LeaderboardError("authors must be a list of 1 to 100 names.")
    require_known("track", [_text(document, "track", 40)], TRACKS)
    agent = document.get("agent")
    return Card(
        name=require_name(document["name"]),
        title=_text(document, "title", 80),
        authors=tuple(_text({"authors": name}, "authors", 120) for name in authors),
        paper=_address(document, "paper"),
        code=_address(document, "code"),
        description=_text(document, "description", 2000) if document.get("description") else "",
        track=document["track"],
        state_only=_flag(document, "state_only"),
        demonstrations=_demonstrations(document),
        reference=_flag(document, "reference"),
        agent=None if agent is None else require_name(agent),
    )


def _text(document: Mapping[str, Any], key: str, longest: int) -> str:
    value = document[key]
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise LeaderboardError(f"{key} must be text of 1 to {longest} characters.")
    if _CONTROL.search(value):
        raise LeaderboardError(f"{key} has control characters or line breaks; give plain text.")
    return value.strip()


def _flag(document: Mapping[str, Any], key: str) -> bool:
    value = document.get(key, False)
    if not isinstance(value, bool):
        raise LeaderboardError(f"{key} must be true or false, not {value!r}.")
    return value


def _address(document: Mapping[str, Any], key: str) -> str | None:
    if document.get(key) is None:
        return None
    value = _text(document, key, 500)
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\s\"'<>\\^`{|}]", value):
        raise LeaderboardError(f"{key} must be an http or https address or null, not {value!r}.")
    return value


def _demonstrations(document: Mapping[str, Any]) -> dict[str, int]:
    """Demonstrations of each meta-train task, by family in the suite's order."""
    given = document["demonstrations"]
    families = document.get("families")
    if families is None:
        families = list(given) if isinstance(given, dict) else list(all_families())
    if (
        not isinstance(families, list)
        or not families
        or len(set(map(str, families))) < len(families)
    ):
        raise LeaderboardError("families must be a list of family ids, each once.")
    require_known("family", map(str, families), all_families())
    amounts = given if isinstance(given, dict) else dict.fromkeys(families, given)
    if set(amounts) != set(families):
        raise LeaderboardError(
            "demonstrations must be one number, or a number for each of the entry's families: "
            f"{', '.join(families)}."
        )
    for amount in amounts.values():
        whole = isinstance(amount, int) and not isinstance(amount, bool)
        if not whole or not 0 <= amount <= MAX_DEMONSTRATIONS:
            raise LeaderboardError(
                "demonstrations of each meta-train task must be a whole number from 0 to "
                f"{MAX_DEMONSTRATIONS}, not {amount!r}."
            )
    return {family: amounts[family] for family in all_families() if family in amounts}
