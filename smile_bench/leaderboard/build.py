"""Building the leaderboard: check every entry, then write all files or none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from smile_bench.leaderboard.checks.consistency import ShippedWeights
from smile_bench.leaderboard.checks.further import Further
from smile_bench.leaderboard.checks.study import StudyCell
from smile_bench.leaderboard.checks.verification import Verifier, status_label
from smile_bench.leaderboard.checks.whole import Checked, check_entries, check_folder
from smile_bench.leaderboard.entries.conditions import CANONICAL
from smile_bench.leaderboard.fine_tuned import (
    FineTunedRow,
    fine_tuned_rows,
    ranked_fine_tuned,
)
from smile_bench.leaderboard.page.document import leaderboard_document
from smile_bench.leaderboard.page.html import leaderboard_page
from smile_bench.leaderboard.page.markdown import leaderboard_markdown
from smile_bench.leaderboard.page.published import load_published
from smile_bench.leaderboard.ranking import rank, ranked_families
from smile_bench.leaderboard.rows import Row, entry_rows
from smile_bench.leaderboard.site import FILES, replace_site, require_replaceable

__all__ = [
    "FILES",
    "Checked",
    "build_leaderboard",
    "check_entries",
    "check_folder",
    "markdown_table",
    "summary_lines",
]


AgentSource = Callable[[str], str | None]


def build_leaderboard(
    root: Path,
    output: Path,
    verify: Verifier,
    *,
    known_agent: Callable[[str], bool] | None = None,
    shipped_weights: ShippedWeights | None = None,
    evidence: Path | None = None,
    evidence_base: str | None = None,
    agent_source: AgentSource | None = None,
    further: Further | None = None,
) -> list[Row]:
    """Check every entry below ``root`` and write the leaderboard's files into ``output``.

    Each file is moved into place once all are whole. After any error ``output`` is as it was.

    Args:
        root: the folder of entries.
        output: folder to write; it may hold nothing but an earlier leaderboard.
        verify: replays evaluations.
        known_agent: says whether smile-bench knows an agent of that name; None accepts any.
        shipped_weights: returns the SHA-256 of the weights that ship; None accepts any.
        evidence: another folder with the layout of ``root``, searched for evidence that is not
            beside its result.
        evidence_base: address of ``root`` for the links to results; by default the relative path
            from ``output``.
        agent_source: returns the path of an agent's code below the folder that holds the package,
            or None; the page links it where a card names no code.
        further: what was measured apart from the build: new trainings, fresh sets and studies.

    Returns:
        The ranked rows.

    Raises:
        LeaderboardError: an entry cannot be shown, or ``output`` holds other files.
    """
    require_replaceable(output)
    rows, fine_tuned = _ranked_rows(
        root,
        verify,
        further,
        known_agent=known_agent,
        shipped_weights=shipped_weights,
        evidence=evidence,
    )
    base = evidence_base or Path(os.path.relpath(root, output)).as_posix()
    code = _code_base(output, evidence_base)
    studies = () if further is None else further.studies
    document = _document(
        rows, fine_tuned, verify, base.rstrip("/") + "/", code, agent_source, studies
    )
    contents = {
        "index.html": leaderboard_page(document),
        "leaderboard.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        "leaderboard.md": leaderboard_markdown(document),
    }
    require_replaceable(output)
    replace_site(output, contents)
    return rows


def markdown_table(
    root: Path,
    verify: Verifier,
    *,
    known_agent: Callable[[str], bool] | None = None,
    shipped_weights: ShippedWeights | None = None,
    evidence: Path | None = None,
) -> str:
    """Check every entry below ``root``; return the ranking as Markdown.

    The arguments are those of :func:`build_leaderboard`.

    Raises:
        LeaderboardError: an entry cannot be shown.
    """
    rows, fine_tuned = _ranked_rows(
        root,
        verify,
        None,
        known_agent=known_agent,
        shipped_weights=shipped_weights,
        evidence=evidence,
    )
    return leaderboard_markdown(_document(rows, fine_tuned, verify, evidence_base=""))


def _ranked_rows(
    root: Path, verify: Verifier, further: Further | None, **checks: Any
) -> tuple[list[Row], list[FineTunedRow]]:
    """The ranked rows, and those of the fine-tune track."""
    checked = check_entries(root, verify, **checks)
    ranked, trusted = ranked_families(), not verify.replay
    rows = [
        row
        for one in checked
        for row in entry_rows(one.entry, one.status, ranked, trusted=trusted, further=further)
    ]
    fine_tuned = [
        row for one in checked for row in fine_tuned_rows(one.entry, one.status, trusted=trusted)
    ]
    return rank(rows), ranked_fine_tuned(fine_tuned)


def _document(
    rows: Sequence[Row],
    fine_tuned: Sequence[FineTunedRow],
    verify: Verifier,
    evidence_base: str,
    code_base: str = "",
    agent_source: AgentSource | None = None,
    studies: Sequence[StudyCell] = (),
) -> dict[str, Any]:
    agents = {row.card.agent for row in rows if row.card.agent is not None}
    sources = {agent: agent_source(agent) for agent in agents} if agent_source else {}
    return leaderboard_document(
        rows,
        load_published(),
        ranked_families(),
        evidence_base=evidence_base,
        replayed=verify.replay,
        code={agent: f"{code_base}{path}" for agent, path in sources.items() if path},
        studies=studies,
        fine_tuned=fine_tuned,
    )


def _code_base(output: Path, evidence_base: str | None) -> str:
    """Address of the folder that holds the package, ending in a slash.

    In the repository it is two levels above the entries.
    """
    if evidence_base is not None:
        return urljoin(evidence_base.rstrip("/") + "/", "../../")
    package = Path(str(resources.files("smile_bench")))
    return Path(os.path.relpath(package.parent, output)).as_posix() + "/"


def summary_lines(rows: Sequence[Row]) -> list[str]:
    """One line for each row, for a terminal."""
    lines = []
    for row in rows:
        form = f"{row.card.track}{', state-only' if row.card.state_only else ''}"
        place = "reference" if row.card.reference else f"rank {row.rank or '–'}"
        place = "unranked" if row.apart else place
        score = "incomplete"
        if row.overall is not None:
            estimate = row.overall.interquartile_mean
            score = f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
        label = status_label(row.statuses)
        if row.condition != CANONICAL:
            label = f"{row.condition}; {label}"
        lines.append(f"{row.card.title:32} {form:28} {place:10} {score:24} {label}")
    return lines
