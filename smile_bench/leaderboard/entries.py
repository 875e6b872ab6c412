"""Entries as they lie in ``leaderboard/entries``: their cards, results and learning curves.

Everything read here is checked; what comes out can be ranked and shown without further doubt, but
for the replay of its actions (:mod:`smile_bench.leaderboard.verification`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smile_bench.envs import all_families, get_family
from smile_bench.errors import LeaderboardError, SmileError, require_known
from smile_bench.leaderboard.card import Card, read_card
from smile_bench.leaderboard.files import children, require_name
from smile_bench.leaderboard.progress import Curve, read_curve
from smile_bench.protocol.result import EVIDENCE_FILE, RESULT_FILE, Result
from smile_bench.protocol.result_file import read_result

__all__ = ["Entry", "Evaluated", "Run", "entry_folders", "read_entry"]

MAX_RESULT = 16 * 2**20
MAX_EVIDENCE = 128 * 2**20
_BESIDE_CARD = ("README.md", "LICENSE")


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """A result and the folder that it was read from."""

    result: Result
    folder: Path
    evidence: str | None
    """SHA-256 of ``evidence.h5``; None without it: the agent must then be run again to verify."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One training (or the only run of what is not trained) on one family."""

    family: str
    seed: int
    primary: Evaluated
    shots: Mapping[int, Evaluated]
    """Size of every context to its evaluation, for the shot curve; may be empty."""
    curve: Curve | None

    @property
    def evaluations(self) -> tuple[Evaluated, ...]:
        """The primary evaluation, then those of the shot curve."""
        return (self.primary, *self.shots.values())


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A submission: what it says of itself and what it reached."""

    card: Card
    runs: tuple[Run, ...]
    """By family in the suite's order, then by seed."""


def entry_folders(root: Path) -> list[Path]:
    """The folder of each entry below ``root``, by name.

    Raises:
        LeaderboardError: ``root`` is no folder or holds something that is no entry's folder.
    """
    folders = []
    for name, path in children(root).items():
        if name in _BESIDE_CARD:
            continue
        require_name(name)
        if not path.is_dir():
            raise LeaderboardError(f"{name} in {root} is no folder; each entry is one.")
        folders.append(path)
    return folders


def read_entry(folder: Path) -> Entry:
    """Read an entry.

    Raises:
        LeaderboardError: the folder has not the form that ``docs/leaderboard.md`` describes.
        ProtocolError: a result that can not be read.
    """
    require_name(folder.name)
    found = children(folder)
    if "entry.json" not in found:
        raise LeaderboardError("entry.json is missing.")
    card = read_card(found.pop("entry.json"))
    if card.name != folder.name:
        raise LeaderboardError(f"entry.json names it {card.name!r}; name the folder the same.")
    for name in _BESIDE_CARD:
        found.pop(name, None)
    require_known("family", found, all_families())
    missing = [family for family in card.families if family not in found]
    if missing:
        raise LeaderboardError(
            f"no results on {', '.join(missing)}, which entry.json says it was evaluated on. Add "
            'them, or list under "families" only those that are there.'
        )
    extra = [family for family in found if family not in card.families]
    if extra:
        raise LeaderboardError(f"results on {', '.join(extra)}, which entry.json does not list.")
    runs = []
    for family in card.families:
        for seed, path in _seed_folders(found[family]):
            try:
                runs.append(_read_run(card, family, seed, path))
            except SmileError as error:
                raise LeaderboardError(f"{family}/{path.name}: {error}") from error
    return Entry(card=card, runs=tuple(runs))


def _seed_folders(folder: Path) -> list[tuple[int, Path]]:
    found = []
    for name, path in children(folder).items():
        matched = re.fullmatch(r"seed-(0|[1-9][0-9]{0,8})", name)
        if not matched:
            raise LeaderboardError(f"{folder.name}/{name} is no folder seed-N.")
        found.append((int(matched[1]), path))
    if not found:
        raise LeaderboardError(f"{folder.name} holds no folder seed-N.")
    return sorted(found)


def _read_run(card: Card, family: str, seed: int, folder: Path) -> Run:
    found = children(folder)
    curve = found.pop("progress.csv", None)
    if "primary" not in found:
        raise LeaderboardError("the folder of the primary evaluation, primary, is missing.")
    primary = _read_evaluation(card, found.pop("primary"))
    shots: dict[int, Evaluated] = {}
    sizes = {f"{k}-shots": k for k in get_family(family).context_sizes}
    for name, path in found.items():
        if name not in sizes:
            raise LeaderboardError(
                f"{name} is no evaluation of {family}; it has primary, {', '.join(sizes)}."
            )
        shots[sizes[name]] = _read_evaluation(card, path)
    return Run(
        family=family,
        seed=seed,
        primary=primary,
        shots={k: shots[k] for k in sorted(shots)},
        curve=None if curve is None else read_curve(curve, get_family(family).metric.name),
    )


def _read_evaluation(card: Card, folder: Path) -> Evaluated:
    found = children(folder)
    unknown = sorted(set(found) - {RESULT_FILE, EVIDENCE_FILE})
    if unknown:
        raise LeaderboardError(f"{folder.name} holds {unknown[0]!r}, which is no part of a result.")
    if RESULT_FILE not in found:
        raise LeaderboardError(f"{folder.name}/result.json is missing.")
    for name, limit in ((RESULT_FILE, MAX_RESULT), (EVIDENCE_FILE, MAX_EVIDENCE)):
        if name in found and (size := found[name].stat().st_size) > limit:
            raise LeaderboardError(
                f"{folder.name}/{name} has {size} bytes; at most {limit} are read."
            )
    has_evidence = EVIDENCE_FILE in found
    if not has_evidence and (folder.name == "primary" or card.agent is None):
        raise LeaderboardError(
            f"{folder.name}/evidence.h5 is missing. Only results of a shot curve may come without "
            'it, and only of an agent that ships with smile-bench ("agent" in entry.json).'
        )
    result = read_result(found[RESULT_FILE])
    digest = hashlib.sha256(found[EVIDENCE_FILE].read_bytes()).hexdigest() if has_evidence else None
    return Evaluated(result=result, folder=folder, evidence=digest)
