"""The folder of the page: checked before, locked during and whole after every build."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smile_bench.errors import LeaderboardError
from smile_bench.io.files import replacing

__all__ = ["FILES", "replace_site", "require_replaceable"]

FILES = ("index.html", "leaderboard.json", "leaderboard.md")
_STALE = re.compile(rf"\.(?:{'|'.join(map(re.escape, FILES))})\..+\.part")
"""A file that a build was writing when it was killed."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


def require_replaceable(output: Path) -> None:
    """Refuse a target that holds anything but an earlier leaderboard and leftovers of builds.

    Raises:
        LeaderboardError: it is not a folder, or holds other files.
    """
    if not output.exists() and not output.is_symlink():
        return
    if output.is_symlink() or not output.is_dir():
        raise LeaderboardError(
            f"{output} is not a folder; name a folder to write the leaderboard into."
        )
    others = sorted(
        path.name
        for path in output.iterdir()
        if path.name not in FILES and not _STALE.fullmatch(path.name)
    )
    if others:
        raise LeaderboardError(
            f"{output} holds {others[0]!r}, which is not part of a leaderboard. Name another "
            "folder: a build replaces all of it."
        )


def replace_site(output: Path, contents: Mapping[str, str]) -> None:
    """Write the files of a leaderboard, all of them or none.

    Each file is written beside its target and moved over it once all are whole, so the page is
    there at any moment. Leftovers of builds that were killed are removed.

    Raises:
        LeaderboardError: another build writes into the folder, or it cannot be written.
    """
    made = not output.exists()
    try:
        output.mkdir(parents=True, exist_ok=True)
        with _locked(output):
            _remove_leftovers(output)
            with ExitStack() as stack:
                for name, content in contents.items():
                    temporary = stack.enter_context(replacing(output / name))
                    temporary.write_text(content, encoding="utf-8")
    except OSError as error:
        if made and output.is_dir() and not any(output.iterdir()):
            output.rmdir()
        raise LeaderboardError(
            f"the leaderboard cannot be written into {output}: {error.strerror or error}. Free "
            "space there or name another folder with --output."
        ) from error


@contextmanager
def _locked(output: Path) -> Iterator[None]:
    """Hold the folder's lock; the system drops it when the process ends in any way."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    handle = os.open(output, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LeaderboardError(
                f"another build is writing into {output}. Wait for it to end, or name another "
                "folder with --output."
            ) from error
        except OSError as error:
            # Without locks two builds may still not tear a file, since each is moved whole.
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(handle)


def _remove_leftovers(output: Path) -> None:
    """Remove what killed builds left: files of this layout, and folders beside of the former."""
    for path in output.iterdir():
        if _STALE.fullmatch(path.name):
            path.unlink()
    for path in output.parent.glob(f".{output.name}.*.part"):
        if (
            path.is_dir()
            and not path.is_symlink()
            and {p.name for p in path.iterdir()}
            <= {
                "new",
                "old",
            }
        ):
            shutil.rmtree(path, ignore_errors=True)
