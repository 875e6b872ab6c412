"""The files that ship with smile-bench: one manifest lists their SHA-256, checked on reading."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from smile_bench.errors import SmileError, clipped
from smile_bench.io.files import remembered, write_atomically

__all__ = [
    "MANIFEST",
    "PACKAGE",
    "file_digest",
    "require_unaltered",
    "shipped_files",
    "write_manifest",
]

PACKAGE = Path(__file__).resolve().parent.parent
MANIFEST = PACKAGE / "manifest.json"
SUFFIXES = (".h5", ".json", ".safetensors")
"""Endings of the files that ship as data."""
REMEDY = "Install smile-bench again; in a checkout, restore the file with git."


def require_unaltered(path: Path, error: type[SmileError]) -> bool:
    """Refuse a shipped file that does not have the content that it shipped with.

    Any other file passes: those of users, and those that the manifest does not list.

    Args:
        path: the file.
        error: type of the error to raise.

    Returns:
        Whether the manifest lists the file, so that its content is known.

    Raises:
        SmileError: of type ``error``; the file is missing or was altered, or the manifest was.
    """
    resolved = path.resolve()
    if not resolved.is_relative_to(PACKAGE):
        return False
    try:
        listed = _listed(MANIFEST).get(resolved.relative_to(PACKAGE).as_posix())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as cause:
        raise error(
            f"cannot read the manifest {MANIFEST}: {clipped(str(cause))}. {REMEDY}"
        ) from cause
    if listed is None:
        return False
    try:
        found = file_digest(resolved)
    except OSError as cause:
        raise error(f"cannot read {path}, a file of smile-bench: {cause}. {REMEDY}") from cause
    if found != listed:
        raise error(
            f"{path} was altered or damaged: its SHA-256 is {found[:16]}…, but {MANIFEST.name} of "
            f"smile-bench lists {listed[:16]}…. {REMEDY}"
        )
    return True


@remembered
def file_digest(path: Path) -> str:
    """SHA-256 of a file. It is computed once in a process, until size or time of the file change.

    Raises:
        OSError: the file cannot be read.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped_files() -> list[Path]:
    """Every data file in the package, except the manifest, in order."""
    found = (path for suffix in SUFFIXES for path in PACKAGE.rglob(f"*{suffix}"))
    return sorted(path for path in found if path != MANIFEST)


def write_manifest() -> None:
    """Write the manifest of the files that lie in the package now."""
    files = {path.relative_to(PACKAGE).as_posix(): file_digest(path) for path in shipped_files()}
    document = {"sha256": _digest_of_entries(files), "files": files}
    write_atomically(MANIFEST, json.dumps(document, indent=1) + "\n")
    _listed.cache_clear()


@cache
def _listed(manifest: Path) -> dict[str, str]:
    """The manifest: file in the package to SHA-256. Any error means that it is damaged."""
    document = json.loads(manifest.read_text(encoding="utf-8"))
    files: dict[str, str] = document["files"]
    if document["sha256"] != _digest_of_entries(files):
        raise ValueError("its entries do not have the digest that it states")
    return files


def _digest_of_entries(files: dict[str, str]) -> str:
    entries = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(entries.encode()).hexdigest()
