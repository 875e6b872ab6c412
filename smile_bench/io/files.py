"""Files: read up to a size limit, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from pathlib import Path

from smile_bench.errors import SmileError

__all__ = ["read_bounded", "remembered", "replacing", "write_atomically"]

SETTLED = 2_000_000_000
"""Nanoseconds since a file's last change after which another change shows in its time."""


def read_bounded(path: Path, limit: int, error: type[SmileError]) -> bytes:
    """Read a file that may come from anyone, unless it is larger than ``limit`` bytes.

    Raises:
        SmileError: of type ``error``; the file is missing, too large, not an ordinary file or
            cannot be read.
    """
    try:
        if not path.is_file() or path.stat().st_size > limit:
            raise error(
                f"{path} is missing, is not an ordinary file, or is larger than {limit} bytes."
            )
        return path.read_bytes()
    except OSError as cause:
        raise error(f"cannot read {path}: {cause}.") from cause


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it replaces ``path`` when the block ends without an error.

    On any error, Ctrl-C included, the temporary file is removed and ``path`` stays as it was.

    Args:
        path: the file to write. Its folder is created if needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; set the permissions of any other new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write bytes, or text as UTF-8, to a file: whole or not at all."""
    with replacing(path) as temporary:
        data = content.encode() if isinstance(content, str) else content
        temporary.write_bytes(data)


def remembered(look: Callable[[Path], str]) -> Callable[[Path], str]:
    """Look into a file once in a process, until size or time of the file change.

    Args:
        look: what it returns is remembered for 1024 files; an exception is not.
    """

    @lru_cache(maxsize=1024)
    def known(path: Path, size: int, changed: int) -> str:
        return look(path)

    @wraps(look)
    def asked(path: Path) -> str:
        stat = path.stat()
        if time.time_ns() - stat.st_mtime_ns < SETTLED:
            return look(path)
        return known(path, stat.st_size, stat.st_mtime_ns)

    return asked
