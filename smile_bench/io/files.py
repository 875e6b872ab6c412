"""Files: read up to a size limit, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

from smile_bench.errors import SmileError

fcntl: Any
try:
    import fcntl
except ImportError:  # Not a POSIX system: leftovers stay.
    fcntl = None

__all__ = ["one_at_a_time", "read_bounded", "remembered", "replacing", "write_atomically"]

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

    On any error, Ctrl-C included, the temporary file is removed and ``path`` stays as it was. What
    a process that was killed left of an earlier attempt is removed first.

    Args:
        path: the file to write. Its folder is created if needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, temporary = _locked_temporary(path)
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
        if handle is not None:
            os.close(handle)


def _locked_temporary(path: Path) -> tuple[int | None, Path]:
    """A new file beside ``path``, locked for as long as its handle is open, where that works."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        if fcntl is None:
            os.close(handle)
            return None, Path(name)
        with suppress(OSError):  # Some network file systems grant no locks.
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Another process may have taken it for a leftover before it was locked.
        if Path(name).exists():
            return handle, Path(name)
        os.close(handle)


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files for ``path`` that no process writes: those without a lock."""
    if fcntl is None:
        return
    for found in path.parent.iterdir():
        if not (found.name.startswith(f".{path.name}.") and found.suffix == ".part"):
            continue
        with suppress(OSError):  # It is locked, gone, not ours, or there are no locks.
            handle = os.open(found, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.unlink()
            finally:
                os.close(handle)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process makes the same file, then hold them off for the block.

    Only processes that ask in the same way wait. A killed process holds nobody off. Where the
    system or the file system grants no locks, nobody waits.

    Args:
        path: the file that is made. An empty file beside it, which stays, carries the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.parent / f".{path.name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if fcntl is not None:
            with suppress(OSError):  # Some network file systems grant no locks.
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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
