"""Building the leaderboard: check every entry, then write all files or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from smile_bench.errors import LeaderboardError, SmileError
from smile_bench.io.files import write_atomically
from smile_bench.leaderboard.consistency import check_between, check_entry
from smile_bench.leaderboard.entries import Entry, Evaluated, entry_folders, read_entry
from smile_bench.leaderboard.evidence import require_folder
from smile_bench.leaderboard.page.document import leaderboard_document
from smile_bench.leaderboard.page.html import leaderboard_page
from smile_bench.leaderboard.page.markdown import leaderboard_markdown
from smile_bench.leaderboard.page.published import load_published
from smile_bench.leaderboard.ranking import rank, ranked_families
from smile_bench.leaderboard.rows import Row, entry_rows
from smile_bench.leaderboard.verification import Status, Verifier, status_label

__all__ = [
    "FILES",
    "Checked",
    "build_leaderboard",
    "check_entries",
    "check_folder",
    "markdown_table",
    "summary_lines",
]

FILES = ("index.html", "leaderboard.json", "leaderboard.md")


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
    evidence: Path | None = None,
) -> Checked:
    """Check the form and consistency of one entry, and replay it.

    Args:
        folder: the entry's folder.
        verify: replays its evaluations.
        known_agent: says whether smile-bench knows an agent of that name; None accepts any.
        evidence: another folder with the layout of the entries, searched for evidence that is not
            beside its result.

    Raises:
        LeaderboardError: with the entry's name.
    """
    require_folder(evidence)
    try:
        entry = read_entry(folder, evidence=evidence)
        agent = entry.card.agent
        if agent is not None and known_agent is not None and not known_agent(agent):
            raise LeaderboardError(
                f'smile-bench has no agent {agent!r}. Correct "agent" in entry.json, or leave it '
                "out if the agent does not ship."
            )
        check_entry(entry)
        statuses = {}
        for run in entry.runs:
            for one in run.evaluations:
                try:
                    statuses[one.folder] = verify(one)
                except SmileError as error:
                    raise LeaderboardError(f"{one.place}: {error}") from error
    except (SmileError, OSError) as error:
        raise LeaderboardError(f"{folder.name}: {error}") from error
    return Checked(entry, statuses)


def check_entries(
    root: Path,
    verify: Verifier,
    *,
    known_agent: Callable[[str], bool] | None = None,
    evidence: Path | None = None,
) -> list[Checked]:
    """Check every entry below ``root``, and that no two are the same.

    The arguments are those of :func:`check_folder`.

    Raises:
        LeaderboardError: one line for each entry that cannot be shown.
    """
    require_folder(evidence)
    checked, findings = [], []
    for folder in tqdm(entry_folders(root), desc="check", leave=False, disable=None):
        try:
            checked.append(check_folder(folder, verify, known_agent=known_agent, evidence=evidence))
        except LeaderboardError as error:
            findings.append(str(error))
    findings += check_between([one.entry for one in checked])
    if findings:
        raise LeaderboardError("\n".join(findings))
    return checked


def build_leaderboard(
    root: Path,
    output: Path,
    verify: Verifier,
    *,
    known_agent: Callable[[str], bool] | None = None,
    evidence: Path | None = None,
    evidence_base: str | None = None,
) -> list[Row]:
    """Check every entry below ``root`` and write the leaderboard's files into ``output``.

    The files are written into a folder beside ``output``, which then replaces it. After any error
    ``output`` is as it was.

    Args:
        root: the folder of entries.
        output: folder to write; it may hold nothing but an earlier leaderboard.
        verify: replays evaluations.
        known_agent: says whether smile-bench knows an agent of that name; None accepts any.
        evidence: another folder with the layout of ``root``, searched for evidence that is not
            beside its result.
        evidence_base: address of ``root`` for the links to results; by default the relative path
            from ``output``.

    Returns:
        The ranked rows.

    Raises:
        LeaderboardError: an entry cannot be shown, or ``output`` holds other files.
    """
    _require_replaceable(output)
    rows = _ranked_rows(root, verify, known_agent, evidence)
    base = evidence_base or Path(os.path.relpath(root, output)).as_posix()
    document = _document(rows, base.rstrip("/") + "/")
    contents = {
        "index.html": leaderboard_page(document),
        "leaderboard.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        "leaderboard.md": leaderboard_markdown(document),
    }
    _replace_folder(output, contents)
    return rows


def markdown_table(
    root: Path,
    verify: Verifier,
    *,
    known_agent: Callable[[str], bool] | None = None,
    evidence: Path | None = None,
) -> str:
    """Check every entry below ``root``; return the ranking as Markdown.

    The arguments are those of :func:`build_leaderboard`.

    Raises:
        LeaderboardError: an entry cannot be shown.
    """
    rows = _ranked_rows(root, verify, known_agent, evidence)
    return leaderboard_markdown(_document(rows, evidence_base=""))


def _ranked_rows(
    root: Path,
    verify: Verifier,
    known_agent: Callable[[str], bool] | None,
    evidence: Path | None,
) -> list[Row]:
    checked = check_entries(root, verify, known_agent=known_agent, evidence=evidence)
    ranked = ranked_families()
    return rank([row for one in checked for row in entry_rows(one.entry, one.status, ranked)])


def _document(rows: Sequence[Row], evidence_base: str) -> dict[str, Any]:
    return leaderboard_document(
        rows, load_published(), ranked_families(), evidence_base=evidence_base
    )


def _require_replaceable(output: Path) -> None:
    if not output.exists() and not output.is_symlink():
        return
    if output.is_symlink() or not output.is_dir():
        raise LeaderboardError(
            f"{output} is not a folder; name a folder to write the leaderboard into."
        )
    others = sorted({path.name for path in output.iterdir()} - set(FILES))
    if others:
        raise LeaderboardError(
            f"{output} holds {others[0]!r}, which is not part of a leaderboard. Name another "
            "folder: a build replaces all of it."
        )


def _replace_folder(output: Path, contents: dict[str, str]) -> None:
    """Write files into a new folder, then put it in the place of ``output``."""
    output.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}.", suffix=".part"))
    try:
        fresh, old = work / "new", work / "old"
        for name, content in contents.items():
            write_atomically(fresh / name, content)
        if output.exists():
            output.rename(old)
        try:
            fresh.rename(output)
        except BaseException:
            if old.exists():
                old.rename(output)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def summary_lines(rows: Sequence[Row]) -> list[str]:
    """One line for each row, for a terminal."""
    lines = []
    for row in rows:
        form = f"{row.card.track}{', state-only' if row.card.state_only else ''}"
        place = "reference" if row.card.reference else f"rank {row.rank or '–'}"
        score = "incomplete"
        if row.overall is not None:
            estimate = row.overall.interquartile_mean
            score = f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
        label = status_label(row.statuses)
        lines.append(f"{row.card.title:32} {form:28} {place:10} {score:24} {label}")
    return lines
