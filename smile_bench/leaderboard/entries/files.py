"""Reading files from strangers: names, folders and JSON, all of them bounded."""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from smile_bench.errors import LeaderboardError
from smile_bench.io.schema import parse_strictly

__all__ = ["children", "read_object", "read_text", "require_keys", "require_name"]

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
MAX_CHILDREN = 1000


def require_name(name: object) -> str:
    """Accept a name that is safe as a folder, in an address and in a shell.

    Raises:
        LeaderboardError: it is not 1 to 64 small letters, digits and inner hyphens.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise LeaderboardError(
            f"{_short(name)} cannot name an entry. Use 1 to 64 of the characters a-z, 0-9 and "
            "hyphen; begin and end with a letter or digit."
        )
    return name


def children(folder: Path) -> dict[str, Path]:
    """The plain files and folders in a folder by name, sorted, without ``.gitkeep``.

    Raises:
        LeaderboardError: it is not a folder, or holds a link, a special file or too many files.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise LeaderboardError(f"{folder} is not a folder.")
    found = {}
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if path.name == ".gitkeep" and stat.S_ISREG(mode):
            continue
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise LeaderboardError(
                f"{_short(path.name)} in {folder.name} is a link or special file; an entry may "
                "hold plain files and folders only."
            )
        found[path.name] = path
        if len(found) > MAX_CHILDREN:
            raise LeaderboardError(f"{folder.name} holds more than {MAX_CHILDREN} files.")
    return found


def read_text(path: Path, *, limit: int) -> str:
    """Read a text file of at most ``limit`` bytes.

    Raises:
        LeaderboardError: it is missing, larger, not a plain file or not UTF-8.
    """
    if path.is_symlink() or not path.is_file():
        raise LeaderboardError(f"{path.name} is missing or not a plain file.")
    if (size := path.stat().st_size) > limit:
        raise LeaderboardError(f"{path.name} has {size} bytes; at most {limit} are read.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LeaderboardError(f"{path.name} is not UTF-8 text: {error.reason}.") from error


def read_object(path: Path, *, limit: int) -> dict[str, Any]:
    """Read a JSON file that holds one object, without repeated keys, NaN or infinity.

    Raises:
        LeaderboardError, ProtocolError: it holds anything else.
    """
    document = parse_strictly(read_text(path, limit=limit), path.name)
    if not isinstance(document, dict):
        raise LeaderboardError(f"{path.name} must hold one JSON object.")
    return document


def require_keys(
    where: str, document: Mapping[str, Any], required: Collection[str], optional: Collection[str]
) -> None:
    """Refuse an object with missing or unknown keys.

    Raises:
        LeaderboardError: it names them.
    """
    missing = sorted(set(required) - set(document))
    unknown = sorted(set(document) - set(required) - set(optional))
    if missing:
        raise LeaderboardError(f"{where} lacks {', '.join(missing)}.")
    if unknown:
        names = ", ".join(_short(key) for key in unknown)
        raise LeaderboardError(
            f"{where} has the unknown keys {names}; known keys are "
            f"{', '.join(sorted({*required, *optional}))}."
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
