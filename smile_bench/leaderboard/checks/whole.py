"""Checking whole entries: their form, their consistency, their replays, and each against others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from smile_bench.errors import LeaderboardError, SmileError
from smile_bench.leaderboard.checks.consistency import (
    ShippedWeights,
    check_between,
    check_entry,
    check_weights,
)
from smile_bench.leaderboard.checks.duplicates import read_content, shared_runs
from smile_bench.leaderboard.checks.fine_tuned import check_fine_tuned
from smile_bench.leaderboard.checks.verification import Status, Verifier
from smile_bench.leaderboard.entries.evidence import require_folder
from smile_bench.leaderboard.entries.reading import Entry, Evaluated, entry_folders, read_entry

__all__ = ["Checked", "check_entries", "check_folder"]


@dataclass(frozen=True, eq=False)
class Checked:
    """An entry that passed, and what verification found of each of its evaluations."""

    entry: Entry
    statuses: dict[Path, Status]

    def status(self, one: Evaluated) -> Status:
        """What verification found of an evaluation."""
        return self.statuses[one.folder]


def check_folder(
    folder: Path,
    verify: Verifier,
    *,
    known_agent: Callable[[str], bool] | None = None,
    shipped_weights: ShippedWeights | None = None,
    evidence: Path | None = None,
) -> Checked:
    """Check the form and consistency of one entry, and replay it.

    Args:
        folder: the entry's folder.
        verify: replays its evaluations.
        known_agent: says whether smile-bench knows an agent of that name; None accepts any.
        shipped_weights: returns the SHA-256 of the weights that ship, which results of agents that
            ship must name; None accepts any.
        evidence: another folder with the layout of the entries, searched for evidence that is not
            beside its result.

    Raises:
        LeaderboardError: with the entry's name.
    """
    require_folder(evidence)
    entry = _read(folder, known_agent, shipped_weights, evidence)
    statuses = {one.folder: _verified(entry, one, verify) for one in entry.evaluations}
    checked = Checked(entry, statuses)
    if found := _duplicates([checked]):
        raise LeaderboardError("\n".join(found))
    return checked


def check_entries(
    root: Path,
    verify: Verifier,
    *,
    known_agent: Callable[[str], bool] | None = None,
    shipped_weights: ShippedWeights | None = None,
    evidence: Path | None = None,
) -> list[Checked]:
    """Check every entry below ``root``, and that no two are the same.

    A terminal sees the progress. The arguments are those of :func:`check_folder`.

    Raises:
        LeaderboardError: one line for each entry that cannot be shown.
    """
    require_folder(evidence)
    entries: list[Entry] = []
    findings = []
    for folder in entry_folders(root):
        try:
            entries.append(_read(folder, known_agent, shipped_weights, evidence))
        except LeaderboardError as error:
            findings.append(str(error))
    checked = []
    total = sum(len(entry.evaluations) for entry in entries)
    with tqdm(total=total, unit="evaluation", leave=False, disable=None) as progress:
        for entry in entries:
            statuses = {}
            progress.set_description(entry.card.name)
            try:
                for one in entry.evaluations:
                    statuses[one.folder] = _verified(entry, one, verify)
                    progress.update()
            except LeaderboardError as error:
                findings.append(str(error))
            else:
                checked.append(Checked(entry, statuses))
    findings += check_between([one.entry for one in checked]) + _duplicates(checked)
    if findings:
        raise LeaderboardError("\n".join(sorted(findings)))
    return checked


def _read(
    folder: Path,
    known_agent: Callable[[str], bool] | None,
    shipped_weights: ShippedWeights | None,
    evidence: Path | None,
) -> Entry:
    """Read an entry and check everything that needs no replay."""
    try:
        entry = read_entry(folder, evidence=evidence)
        agent = entry.card.agent
        if agent is not None and known_agent is not None and not known_agent(agent):
            raise LeaderboardError(
                f'smile-bench has no agent {agent!r}. Correct "agent" in entry.json, or leave it '
                "out if the agent does not ship."
            )
        check_entry(entry)
        check_fine_tuned(entry)
        if shipped_weights is not None:
            check_weights(entry, shipped_weights)
    except (SmileError, OSError) as error:
        raise LeaderboardError(f"{folder.name}: {error}") from error
    return entry


def _compared(entry: Entry) -> list[Evaluated]:
    """The evaluations that must be of runs of their own.

    Of a fine-tuned curve that is the last one: before, a learner may still act as the imitator that
    it began from, like others.
    """
    runs = [one for run in entry.runs for one in run.evaluations]
    curves = [curve for run in entry.fine_tuned for curve in run.curves.values()]
    return runs + [curve[max(curve)] for curve in curves]


def _verified(entry: Entry, one: Evaluated, verify: Verifier) -> Status:
    try:
        return verify(one)
    except (SmileError, OSError) as error:
        raise LeaderboardError(f"{entry.card.name}: {one.place}: {error}") from error


def _duplicates(checked: Sequence[Checked]) -> list[str]:
    """One line for each result that is the same run as another one."""
    try:
        contents = [
            read_content(each.entry, one, evidence=each.status(one) <= Status.CLOSE)
            for each in checked
            for one in _compared(each.entry)
        ]
    except SmileError as error:
        return [str(error)]
    return shared_runs(contents)
