"""Claims: at most one worker does a job, on any number of machines that share a folder.

A claim is a file ``claim-N``, made by an operation that only one process can win, and its holder
touches it while it lives. If the holder died, claim N + 1 takes its place, so that nobody has to
remove a claim that another process may just have made. A holder that was only asleep finds the
newer claim and ends.

On one machine, the system says whether a holder lives. Of a holder elsewhere, only the time of its
last touch is known. It is compared with the clock of the file server, so that clocks may differ.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from smile_bench.errors import StudyError
from smile_bench.io.files import read_bounded

__all__ = ["HEARTBEAT", "STALE", "Claim", "Holder", "alive_holder", "last_holder", "try_claim"]

HEARTBEAT = 15.0
"""Seconds between two touches of a claim."""
STALE = 120.0
"""Seconds after which a claim is free that a process elsewhere made and has not touched since."""
LIMIT = 4096


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a claim."""

    host: str
    place: str
    """Identity of the running system and its process numbers: boot and namespace."""
    pid: int
    started: str
    """When the process began, so that a number that is given again does not look alive."""
    token: str
    """Random, different for every claim."""

    @classmethod
    def here(cls) -> Holder:
        """This process."""
        return cls(
            host=platform.node(),
            place=_place(),
            pid=os.getpid(),
            started=_started(os.getpid()),
            token=secrets.token_hex(8),
        )

    def lives(self) -> bool | None:
        """Whether the process lives; None where this system cannot tell."""
        if not self.place or self.place != _place():
            return None
        if found := _started(self.pid):
            return found == self.started
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        return None  # Of another user, and the system hides when it began.


class Claim:
    """A claim that this process holds, for a ``with`` block.

    Args:
        path: of the claim.
        holder: who holds it.
        on_lost: called in another thread when another claim has taken this one's place.
        heartbeat: seconds between two touches.
    """

    def __init__(
        self, path: Path, holder: Holder, on_lost: Callable[[], None], heartbeat: float = HEARTBEAT
    ) -> None:
        self.path, self.holder = path, holder
        self._on_lost, self._heartbeat = on_lost, heartbeat
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Claim:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        # Older ones first: whoever made them then finds that they are gone.
        _remove_to(self.path.parent, _number(self.path) - 1)
        self.path.unlink(missing_ok=True)

    def lost(self) -> bool:
        """Whether another claim has taken this one's place."""
        if _latest(self.path.parent) != _number(self.path):
            return True
        found = _holder(self.path)
        return found is not None and found.token != self.holder.token

    def _beat(self) -> None:
        while not self._ended.wait(self._heartbeat):
            with suppress(OSError):  # A server that is away for a moment; the next touch may work.
                with suppress(FileNotFoundError):  # Claims of others have cleared it away.
                    os.utime(self.path)
                if self.lost() and not self._ended.is_set():
                    self._on_lost()
                    return


def try_claim(folder: Path, on_lost: Callable[[], None]) -> Claim | None:
    """Claim the job that works in a folder.

    Args:
        folder: it is made if needed.
        on_lost: called in another thread when a process elsewhere has taken the claim over, which
            happens only if this one was suspended or cut off for longer than :data:`STALE`.

    Returns:
        The claim, or None if a living process holds it.

    Raises:
        OSError: the claim cannot be written; it is not held then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = _latest(folder)
    if number and not _free(folder / _name(number)):
        return None
    path, holder = folder / _name(number + 1), Holder.here()
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(holder)))
    except OSError:
        path.unlink(missing_ok=True)
        raise
    claim = Claim(path, holder, on_lost)
    if claim.lost():  # Others have claimed in the meantime, and cleared the place of this one.
        path.unlink(missing_ok=True)
        return None
    # The last of the older ones stays until the end: it holds its number against whoever still has
    # a former list of this folder.
    _remove_to(folder, number - 1)
    return claim


def alive_holder(folder: Path) -> Holder | None:
    """Who holds the claim of a folder, or None if it is free."""
    number = _latest(folder)
    if not number or _free(folder / _name(number)):
        return None
    return _holder(folder / _name(number)) or Holder(
        host="unknown", place="", pid=0, started="", token=""
    )


def last_holder(folder: Path) -> Holder | None:
    """Who made the newest claim of a folder, dead or alive; None without one."""
    number = _latest(folder)
    return _holder(folder / _name(number)) if number else None


def _free(path: Path) -> bool:
    """Whether the process that made a claim is gone."""
    holder = _holder(path)
    lives = None if holder is None else holder.lives()
    if lives is not None:
        return not lives
    try:
        touched = path.stat().st_mtime
        return time.time() - touched > STALE and _server_time(path.parent) - touched > STALE
    except FileNotFoundError:
        return True


def _server_time(folder: Path) -> float:
    """The time by the clock that stamps a folder's files; where none can be made, our own."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def _holder(path: Path) -> Holder | None:
    """What a claim says; None while it is being written, and of one that is damaged."""
    try:
        holder = Holder(**json.loads(read_bounded(path, LIMIT, StudyError)))
    except (StudyError, ValueError, TypeError, RecursionError):
        return None
    texts = (holder.host, holder.place, holder.started, holder.token)
    whole = type(holder.pid) is int and holder.pid > 0 and all(isinstance(t, str) for t in texts)
    return holder if whole else None


def _latest(folder: Path) -> int:
    """Number of the newest claim, 0 without one."""
    return max((_number(path) for path in folder.glob("claim-*")), default=0)


def _remove_to(folder: Path, number: int) -> None:
    """Remove the claims up to a number, which newer ones have replaced."""
    for path in folder.glob("claim-*"):
        if 0 < _number(path) <= number:
            path.unlink(missing_ok=True)


def _number(path: Path) -> int:
    """Of a claim; 0 of another file."""
    digits = path.name.removeprefix("claim-")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _name(number: int) -> str:
    return f"claim-{number:06d}"


def _place() -> str:
    """Identity of the running system and of its process numbers; empty where it has none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, in ticks of the system; empty if the system does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "zombie" if fields[0] in "ZX" else fields[19]
