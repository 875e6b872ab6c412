"""Claims: at most one worker does a job, on any number of machines that share a folder.

A claim is a file ``claim-N``, made by an operation that only one process can win, and its holder
touches it while it lives. If the holder died, claim N + 1 takes its place, so that nobody has to
remove a claim that another process may just have made. A holder that was only asleep finds the
newer claim and ends.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
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
"""Seconds after which a claim that was not touched is free. Clocks of machines that share a folder
may differ by less than this, minus a heartbeat."""
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

    def dead(self) -> bool:
        """Whether the process is known to be gone; False where this machine cannot tell."""
        if not self.place or self.place != _place():
            return False
        return _started(self.pid) != self.started


class Claim:
    """A claim that this process holds, for a ``with`` block.

    Args:
        path: of the claim.
        number: of the claim.
        on_lost: called in another thread when a newer claim has taken this one's place.
        heartbeat: seconds between two touches.
    """

    def __init__(
        self, path: Path, number: int, on_lost: Callable[[], None], heartbeat: float = HEARTBEAT
    ) -> None:
        self.path, self.number = path, number
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
        self.path.unlink(missing_ok=True)

    def lost(self) -> bool:
        """Whether a newer claim has taken this one's place."""
        return _latest(self.path.parent) != self.number

    def _beat(self) -> None:
        while not self._ended.wait(self._heartbeat):
            with suppress(OSError):  # A server that is away for a moment; the next touch may work.
                os.utime(self.path)
                if self.lost():
                    self._on_lost()
                    return


def try_claim(folder: Path, on_lost: Callable[[], None]) -> Claim | None:
    """Claim the job that works in a folder.

    Args:
        folder: it is made if needed.
        on_lost: called in another thread when another process has taken the claim over, which
            happens only if this one was suspended for longer than :data:`STALE`.

    Returns:
        The claim, or None if a living process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = _latest(folder)
    if number and not _free(folder / _name(number)):
        return None
    path = folder / _name(number + 1)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(asdict(Holder.here())))
    claim = Claim(path, number + 1, on_lost)
    if claim.lost():  # Others have claimed in the meantime, and cleared the place of this one.
        path.unlink(missing_ok=True)
        return None
    _remove_before(folder, number + 1)
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
    try:
        silent = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return True
    if silent > STALE:
        return True
    holder = _holder(path)
    return holder is not None and holder.dead()


def _holder(path: Path) -> Holder | None:
    """What a claim says; None while it is being written."""
    try:
        return Holder(**json.loads(read_bounded(path, LIMIT, StudyError)))
    except (StudyError, ValueError, TypeError):
        return None


def _latest(folder: Path) -> int:
    """Number of the newest claim, 0 without one."""
    numbers = [int(p.name[6:]) for p in folder.glob("claim-*") if p.name[6:].isdigit()]
    return max(numbers, default=0)


def _remove_before(folder: Path, number: int) -> None:
    """Remove claims that newer ones have replaced, but the last of them."""
    for path in folder.glob("claim-*"):
        if path.name[6:].isdigit() and int(path.name[6:]) < number - 1:
            path.unlink(missing_ok=True)


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
    """When a process began, in ticks of the system; empty if there is none or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
