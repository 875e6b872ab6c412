"""Reading the entries in ``leaderboard/entries``: their cards, results and learning curves.

Everything read here is checked for its form. Whether the parts agree is for
:mod:`smile_bench.leaderboard.checks.consistency`, whether the actions give the numbers for
:mod:`smile_bench.leaderboard.checks.verification`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smile_bench.envs import all_families, get_family
from smile_bench.errors import LeaderboardError, SmileError, require_known
from smile_bench.leaderboard.entries.card import Card, read_card
from smile_bench.leaderboard.entries.evidence import MAX_RESULT, find_evidence, stated_sha256
from smile_bench.leaderboard.entries.files import children, require_name
from smile_bench.leaderboard.entries.training import Curve, read_curve
from smile_bench.protocol.fine_tuning import CONTEXTS, EPISODES
from smile_bench.protocol.result import EVIDENCE_FILE, RESULT_FILE, Result
from smile_bench.protocol.result_file import read_result
from smile_bench.tracks import TRACKS

__all__ = ["Entry", "Evaluated", "FineTunedRun", "Run", "entry_folders", "read_entry"]

_BESIDE_CARD = ("README.md", "LICENSE")


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """A result and the folder that it was read from."""

    result: Result
    folder: Path
    sha256: str
    """Of its evidence, as ``result.json`` states it."""
    evidence: Path | None
    """``evidence.h5`` with that SHA-256, in ``folder`` or elsewhere; None if not at hand."""
    reproducible: bool = False
    """Whether anyone can run the agent again, because the weights of this training ship."""

    @property
    def place(self) -> str:
        """Where it is in its entry: ``FAMILY/seed-N/EVALUATION``."""
        return "/".join(self.folder.parts[-3:])


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One training on one family, or the only run of an agent that is not trained."""

    family: str
    seed: int
    primary: Evaluated
    shots: Mapping[int, Evaluated]
    """The shot curve: context size to the evaluation at that size; may be empty."""
    curve: Curve | None

    @property
    def evaluations(self) -> tuple[Evaluated, ...]:
        """The primary evaluation, then those of the shot curve."""
        return (self.primary, *self.shots.values())


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTunedRun:
    """One training seed of fine-tuning on one family."""

    family: str
    seed: int
    curves: Mapping[str, Mapping[int, Evaluated]]
    """Who gave the demonstrations, to the evaluation after each number of rewarded episodes."""

    @property
    def evaluations(self) -> tuple[Evaluated, ...]:
        """Those of all curves, by rising numbers of episodes."""
        return tuple(one for curve in self.curves.values() for one in curve.values())


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A submission: its card and its results."""

    card: Card
    runs: tuple[Run, ...]
    """By family in the suite's order, then by seed; none on the fine-tune track."""
    fine_tuned: tuple[FineTunedRun, ...] = ()
    """The same on the fine-tune track; none elsewhere."""

    @property
    def evaluations(self) -> tuple[Evaluated, ...]:
        """All evaluations."""
        runs: tuple[Run | FineTunedRun, ...] = (*self.runs, *self.fine_tuned)
        return tuple(one for run in runs for one in run.evaluations)


def entry_folders(root: Path) -> list[Path]:
    """The folder of each entry below ``root``, sorted by name.

    Raises:
        LeaderboardError: ``root`` is not a folder, or something in it is not an entry's folder.
    """
    folders = []
    for name, path in children(root).items():
        if name in _BESIDE_CARD:
            continue
        require_name(name)
        if not path.is_dir():
            raise LeaderboardError(f"{name} in {root} is not a folder; each entry is one.")
        folders.append(path)
    return folders


def read_entry(folder: Path, *, evidence: Path | None = None) -> Entry:
    """Read an entry.

    Args:
        folder: the entry's folder.
        evidence: another folder with the layout of the entries, searched for evidence that is not
            beside its result.

    Raises:
        LeaderboardError: the folder does not have the form that ``docs/leaderboard.md`` describes.
        ProtocolError: a result cannot be read.
    """
    require_name(folder.name)
    found = children(folder)
    if "entry.json" not in found:
        raise LeaderboardError("entry.json is missing.")
    card = read_card(found.pop("entry.json"))
    if card.name != folder.name:
        raise LeaderboardError(
            f"entry.json names the entry {card.name!r}; give the folder the same name."
        )
    for name in _BESIDE_CARD:
        found.pop(name, None)
    require_known("family", found, all_families())
    missing = [family for family in card.families if family not in found]
    if missing:
        raise LeaderboardError(
            f"there are no results on {', '.join(missing)}, which entry.json lists. Add them, or "
            'list under "families" only those that are there.'
        )
    extra = [family for family in found if family not in card.families]
    if extra:
        raise LeaderboardError(
            f"there are results on {', '.join(extra)}, which entry.json does not list."
        )
    runs: list[Run] = []
    fine_tuned: list[FineTunedRun] = []
    for family in card.families:
        seeds = _seed_folders(found[family])
        for seed, path in seeds:
            reader = _Reader(card, evidence, first=seed == seeds[0][0])
            try:
                if TRACKS[card.track].fine_tuning:
                    fine_tuned.append(reader.fine_tuned_run(family, seed, path))
                else:
                    runs.append(reader.run(family, seed, path))
            except SmileError as error:
                raise LeaderboardError(f"{family}/{path.name}: {error}") from error
    return Entry(card=card, runs=tuple(runs), fine_tuned=tuple(fine_tuned))


def _seed_folders(folder: Path) -> list[tuple[int, Path]]:
    found = []
    for name, path in children(folder).items():
        matched = re.fullmatch(r"seed-(0|[1-9][0-9]{0,8})", name)
        if not matched:
            raise LeaderboardError(
                f"{folder.name}/{name} is not named seed-N, N the seed without leading zeros."
            )
        found.append((int(matched[1]), path))
    if not found:
        raise LeaderboardError(f"{folder.name} has no folder seed-N.")
    return sorted(found)


@dataclass(frozen=True)
class _Reader:
    """Reads the runs of an entry."""

    card: Card
    elsewhere: Path | None
    """A folder that may hold evidence, with the layout of the entries."""
    first: bool
    """Whether the run is of the family's first seed, which must come with evidence."""

    def run(self, family: str, seed: int, folder: Path) -> Run:
        """Read the folder of a seed."""
        found = children(folder)
        curve = found.pop("progress.csv", None)
        if "primary" not in found:
            raise LeaderboardError("the folder primary, with the primary evaluation, is missing.")
        primary = self.evaluation(found.pop("primary"))
        shots: dict[int, Evaluated] = {}
        sizes = {f"{k}-shots": k for k in get_family(family).context_sizes}
        for name, path in found.items():
            if name not in sizes:
                raise LeaderboardError(
                    f"{name} is not an evaluation of {family}; those are primary, "
                    f"{', '.join(sizes)}."
                )
            shots[sizes[name]] = self.evaluation(path)
        return Run(
            family=family,
            seed=seed,
            primary=primary,
            shots={k: shots[k] for k in sorted(shots)},
            curve=None if curve is None else read_curve(curve, get_family(family).metric.name),
        )

    def fine_tuned_run(self, family: str, seed: int, folder: Path) -> FineTunedRun:
        """Read the folder of a seed of fine-tuning."""
        found = children(folder)
        curves: dict[str, dict[int, Evaluated]] = {}
        for contexts in CONTEXTS:
            names = {f"{contexts}-{number}": number for number in EPISODES}
            if missing := [name for name in names if name not in found]:
                if len(missing) < len(names):
                    raise LeaderboardError(
                        f"{', '.join(missing)} of the curve is missing; the protocol scores after "
                        f"{', '.join(map(str, EPISODES))} rewarded episodes."
                    )
                continue
            curves[contexts] = {
                number: self.evaluation(found.pop(name), ships=False)
                for name, number in names.items()
            }
        if found or not curves:
            known = ", ".join(f"{contexts}-N" for contexts in CONTEXTS)
            raise LeaderboardError(
                f"{next(iter(found), 'nothing')} is not an evaluation of fine-tuning; those are "
                f"{known}, N the number of rewarded episodes: {', '.join(map(str, EPISODES))}."
            )
        return FineTunedRun(family=family, seed=seed, curves=curves)

    def evaluation(self, folder: Path, *, ships: bool = True) -> Evaluated:
        """Read the folder of an evaluation.

        Args:
            folder: the folder.
            ships: whether running an agent that ships would give the evaluation again.
        """
        found = children(folder)
        unknown = sorted(set(found) - {RESULT_FILE, EVIDENCE_FILE})
        if unknown:
            raise LeaderboardError(
                f"{folder.name} holds {unknown[0]!r}, which does not belong to a result; remove it."
            )
        if RESULT_FILE not in found:
            raise LeaderboardError(f"{folder.name}/{RESULT_FILE} is missing.")
        if (size := found[RESULT_FILE].stat().st_size) > MAX_RESULT:
            raise LeaderboardError(
                f"{folder.name}/{RESULT_FILE} has {size} bytes; at most {MAX_RESULT} are read."
            )
        result = read_result(found[RESULT_FILE])
        sha256 = stated_sha256(found[RESULT_FILE])
        evidence = find_evidence(folder, sha256, self.elsewhere)
        reproducible = ships and self.first and self.card.agent is not None
        if evidence is None and self.first:
            self._require_replaceable(folder.name, reproducible)
        return Evaluated(
            result=result,
            folder=folder,
            sha256=sha256,
            evidence=evidence,
            reproducible=reproducible,
        )

    def _require_replaceable(self, evaluation: str, reproducible: bool) -> None:
        """Refuse evidence of the first seed that is missing and that nothing replaces."""
        if reproducible and evaluation != "primary":
            return
        also = "" if self.elsewhere is None else f" here and in {self.elsewhere}"
        raise LeaderboardError(
            f"{evaluation}/{EVIDENCE_FILE} is missing{also}. The first seed of each family must "
            "come with evidence; name the folder that holds it with --evidence. Only the shot "
            'curve of an agent that ships with smile-bench ("agent" in entry.json) may do without.'
        )
