"""Building the leaderboard: every entry checked, then all files written, or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from smile_bench.errors import LeaderboardError, SmileError
from smile_bench.io.files import write_atomically
from smile_bench.leaderboard.consistency import check_between, check_entry
from smile_bench.leaderboard.document import leaderboard_document
from smile_bench.leaderboard.entries import Entry, Evaluated, entry_folders, read_entry
from smile_bench.leaderboard.markdown import leaderboard_markdown
from smile_bench.leaderboard.page import leaderboard_page
from smile_bench.leaderboard.published import load_published
from smile_bench.leaderboard.rows import Row, entry_rows, rank, ranked_families
from smile_bench.leaderboard.verification import Status, Verifier

__all__ = ["FILES", "Checked", "build_leaderboard", "check_entries", "check_folder"]

FILES = ("index.html", "leaderboard.json", "leaderboard.md")


@dataclass(frozen=True, eq=False)
class Checked:
    """An entry that passed, with what verification found of each of its evaluations."""

    entry: Entry
    statuses: dict[Path, Status]

    def status(self, one: Evaluated) -> Status:
        """What verification found of an evaluation."""
        return self.statuses[one.folder]


def check_folder(
    folder: Path, verify: Verifier, *, known_agent: Callable[[str], bool] | None = None
) -> Checked:
    """Check one entry: its form, its consistency, its replays.

    Args:
        folder: the entry's folder.
        verify: replays its evaluations.
        known_agent: tells whether an agent of that name ships with smile-bench.

    Raises:
        LeaderboardError: with the entry's name.
    """
    try:
        entry = read_entry(folder)
        agent = entry.card.agent
        if agent is not None and known_agent is not None and not known_agent(agent):
            raise LeaderboardError(f"no agent {agent!r} ships with smile-bench.")
        check_entry(entry)
        statuses = {}
        for run in entry.runs:
            for one in run.evaluations:
                where = f"{run.family}/seed-{run.seed}/{one.folder.name}"
                try:
                    statuses[one.folder] = verify(one)
                except SmileError as error:
                    raise LeaderboardError(f"{where}: {error}") from error
    except (SmileError, OSError) as error:
        raise LeaderboardError(f"{folder.name}: {error}") from error
    return Checked(entry, statuses)


def check_entries(
    root: Path, verify: Verifier, *, known_agent: Callable[[str], bool] | None = None
) -> list[Checked]:
    """Check every entry below ``root``, and that no two are the same.

    Raises:
        LeaderboardError: one line for each entry that is not fit to be shown.
    """
    checked, findings = [], []
    for folder in tqdm(entry_folders(root), desc="check", leave=False, disable=None):
        try:
            checked.append(check_folder(folder, verify, known_agent=known_agent))
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
    evidence_base: str | None = None,
) -> list[Row]:
    """Check every entry below ``root`` and write the leaderboard's files into ``output``.

    The files are made in a folder beside ``output``, which then takes its place: on any error
    ``output`` stays as it was.

    Args:
        root: the folder of entries.
        output: folder to write; it may hold nothing but an earlier leaderboard.
        verify: replays evaluations.
        known_agent: tells whether an agent of that name ships with smile-bench.
        evidence_base: address of ``root`` for links to results; by default the way from ``output``.

    Returns:
        The ranked rows.

    Raises:
        LeaderboardError: an entry that is not fit to be shown, or a folder that holds other files.
    """
    _require_replaceable(output)
    checked = check_entries(root, verify, known_agent=known_agent)
    ranked = ranked_families()
    rows = rank([row for one in checked for row in entry_rows(one.entry, one.status, ranked)])
    base = evidence_base or Path(os.path.relpath(root, output)).as_posix()
    document = leaderboard_document(
        rows, load_published(), ranked, evidence_base=base.rstrip("/") + "/"
    )
    contents = {
        "index.html": leaderboard_page(document),
        "leaderboard.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        "leaderboard.md": leaderboard_markdown(document),
    }
    _replace_folder(output, contents)
    return rows


def _require_replaceable(output: Path) -> None:
    if not output.exists() and not output.is_symlink():
        return
    if output.is_symlink() or not output.is_dir():
        raise LeaderboardError(f"{output} is no folder; name one to write the leaderboard into.")
    others = sorted({path.name for path in output.iterdir()} - set(FILES))
    if others:
        raise LeaderboardError(
            f"{output} holds {others[0]!r}, which is no part of a leaderboard. Name a folder of "
            "its own: it is replaced as a whole."
        )


def _replace_folder(output: Path, contents: dict[str, str]) -> None:
    """Write files into a folder that takes the place of ``output``."""
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
    """One line a row, for a terminal."""
    lines = []
    for row in rows:
        form = f"{row.card.track}{', state-only' if row.card.state_only else ''}"
        place = "reference" if row.card.reference else f"rank {row.rank or '–'}"
        score = "incomplete"
        if row.overall is not None:
            estimate = row.overall.interquartile_mean
            score = f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
        lines.append(f"{row.card.title:32} {form:28} {place:10} {score:24} {row.status.label}")
    return lines
