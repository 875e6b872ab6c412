"""Whether results can be trusted: each is replayed from its evidence, once."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from importlib import metadata
from pathlib import Path

from smile_bench.errors import LeaderboardError
from smile_bench.io.files import write_atomically
from smile_bench.leaderboard.entries import Evaluated
from smile_bench.protocol.result import EVIDENCE_FILE, RESULT_FILE
from smile_bench.protocol.verification import Verification, verify_result

__all__ = ["Status", "Verifier", "default_cache", "status_label"]


class Status(IntEnum):
    """What is known of a result, the best first."""

    EXACT = 0
    """Replayed: every state and number is the same to the last bit."""
    CLOSE = 1
    """Replayed on another machine type or MuJoCo patch: the same within tolerance."""
    RERUN = 2
    """The evidence is not kept; running the agent, whose weights ship, gives it again."""
    UNCHECKED = 3
    """Not replayed in this build."""
    ABSENT = 4
    """The evidence is kept elsewhere and was not given to this build."""

    @property
    def label(self) -> str:
        """How the page calls it."""
        return _LABELS[self]


_LABELS = {
    Status.EXACT: "replayed, exact",
    Status.CLOSE: "replayed, within tolerance",
    Status.RERUN: "rerun to verify",
    Status.UNCHECKED: "not replayed",
    Status.ABSENT: "no evidence at hand",
}


def status_label(of_seeds: Mapping[int, Status]) -> str:
    """One text for the statuses of several training seeds, such as
    ``"seed 0: replayed, exact; seeds 1, 2: no evidence at hand"``; the bare label where all agree.
    """
    found = sorted(set(of_seeds.values()))
    if len(found) == 1:
        return found[0].label
    parts = []
    for status in found:
        seeds = sorted(seed for seed, one in of_seeds.items() if one is status)
        word = "seed" if len(seeds) == 1 else "seeds"
        parts.append(f"{word} {', '.join(map(str, seeds))}: {status.label}")
    return "; ".join(parts)


def default_cache() -> Path:
    """Where outcomes of replays are remembered: in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "smile-bench" / "verified"


class Verifier:
    """Replays evaluations and remembers each outcome by the content of its files.

    Args:
        replay: whether to replay at all.
        cache: folder of remembered outcomes, or None to remember nothing. It must be your own:
            whatever it says is trusted.
        verify: replays the folder of a result.
    """

    def __init__(
        self,
        *,
        replay: bool = True,
        cache: Path | None = None,
        verify: Callable[[Path], Verification] = verify_result,
    ) -> None:
        self.replay, self.cache, self.verify = replay, cache, verify

    def __call__(self, one: Evaluated) -> Status:
        """Verify one evaluation.

        Raises:
            LeaderboardError: its replay does not give its numbers.
        """
        if one.evidence is None:
            return Status.RERUN if one.reproducible else Status.ABSENT
        if not self.replay:
            return Status.UNCHECKED
        remembered = self.cache / f"{self._key(one)}.json" if self.cache else None
        if remembered is not None and (status := _recall(remembered)) is not None:
            return status
        with _beside_result(one, one.evidence) as folder:
            outcome = self.verify(folder)
            if not outcome.passed:
                found = "; ".join(f"{f.name}: {f.detail}" for f in outcome.findings if not f.passed)
                # Name the file that the reader knows, not a copy of it.
                found = found.replace(str(folder), str(one.evidence.parent))
                raise LeaderboardError(f"it cannot be verified: {found}")
        status = Status.EXACT if outcome.exact else Status.CLOSE
        if remembered is not None:
            write_atomically(remembered, json.dumps({"status": int(status)}))
        return status

    def _key(self, one: Evaluated) -> str:
        """Digest of both files and of what replays them."""
        total = hashlib.sha256((one.folder / RESULT_FILE).read_bytes())
        versions = [metadata.version(name) for name in ("smile-bench", "mujoco", "numpy")]
        facts = [one.sha256, *versions, platform.machine(), one.result.protocol_version]
        total.update(json.dumps(facts).encode())
        return total.hexdigest()


@contextmanager
def _beside_result(one: Evaluated, evidence: Path) -> Iterator[Path]:
    """A folder that holds the result and its evidence; a temporary one if they lie apart."""
    if evidence.parent == one.folder:
        yield one.folder
        return
    with tempfile.TemporaryDirectory(prefix="smile-bench-") as name:
        folder = Path(name)
        shutil.copyfile(one.folder / RESULT_FILE, folder / RESULT_FILE)
        shutil.copyfile(evidence, folder / EVIDENCE_FILE)
        yield folder


def _recall(path: Path) -> Status | None:
    """The remembered outcome of a replay, if there is one and it can be read."""
    try:
        status = Status(json.loads(path.read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return status if status in (Status.EXACT, Status.CLOSE) else None
