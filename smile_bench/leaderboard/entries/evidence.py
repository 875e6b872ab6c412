"""Where the evidence of a result is: beside it, in another folder, or not at hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

from smile_bench.errors import LeaderboardError
from smile_bench.io.schema import parse_strictly
from smile_bench.leaderboard.entries.files import read_text
from smile_bench.protocol.result import EVIDENCE_FILE

__all__ = ["MAX_EVIDENCE", "MAX_RESULT", "find_evidence", "require_folder", "stated_sha256"]

MAX_RESULT = 16 * 2**20
"""Bytes of ``result.json``."""
MAX_EVIDENCE = 128 * 2**20
"""Bytes of ``evidence.h5``."""


def require_folder(evidence: Path | None) -> None:
    """Refuse a folder of evidence that does not exist.

    Raises:
        LeaderboardError: ``evidence`` is given and is not a folder.
    """
    if evidence is not None and not evidence.is_dir():
        raise LeaderboardError(
            f"{evidence} is not a folder. --evidence takes a folder that has the layout of the "
            f"entries: NAME/FAMILY/seed-N/EVALUATION/{EVIDENCE_FILE}."
        )


def stated_sha256(path: Path) -> str:
    """The SHA-256 of the evidence that a ``result.json``, already checked, states."""
    document = parse_strictly(read_text(path, limit=MAX_RESULT), path.name)
    return str(document["evidence"]["sha256"])


def find_evidence(result: Path, sha256: str, elsewhere: Path | None) -> Path | None:
    """Find the evidence of a result and hold every copy of it against its SHA-256.

    Args:
        result: the result's folder, ``…/NAME/FAMILY/seed-N/EVALUATION``.
        sha256: what ``result.json`` states.
        elsewhere: another folder with the layout of the entries, if there is one.

    Returns:
        The file beside the result, else the one elsewhere, else None.

    Raises:
        LeaderboardError: a copy is too large or has another SHA-256.
    """
    places = [result / EVIDENCE_FILE]
    if elsewhere is not None:
        places.append(elsewhere.joinpath(*result.parts[-4:], EVIDENCE_FILE))
    found = [path for path in places if path.is_file()]
    for path in found:
        where = f"{result.name}/{EVIDENCE_FILE}" if path == places[0] else str(path)
        if (size := path.stat().st_size) > MAX_EVIDENCE:
            raise LeaderboardError(f"{where} has {size} bytes; at most {MAX_EVIDENCE} are read.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != sha256:
            raise LeaderboardError(
                f"{where} has the SHA-256 {digest[:16]}…, but result.json states {sha256[:16]}…. "
                "It was altered or belongs to another result; put back the file that was written "
                "with this result, or evaluate the agent again."
            )
    return found[0] if found else None
