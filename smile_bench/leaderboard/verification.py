"""Whether results can be believed: each is replayed from its evidence, once."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable
from enum import IntEnum
from importlib import metadata
from pathlib import Path

from smile_bench.errors import LeaderboardError
from smile_bench.io.files import write_atomically
from smile_bench.leaderboard.entries import Evaluated
from smile_bench.protocol.result import RESULT_FILE
from smile_bench.protocol.verification import Verification, verify_result

__all__ = ["Status", "Verifier", "default_cache"]


class Status(IntEnum):
    """What is known of a result, the best first."""

    EXACT = 0
    """Replayed: every state and number the same to the last bit."""
    CLOSE = 1
    """Replayed on another machine type or MuJoCo patch, the same within tolerance."""
    RERUN = 2
    """No evidence ships; running the agent, whose weights ship, gives it again."""
    UNCHECKED = 3
    """Not replayed in this build."""

    @property
    def label(self) -> str:
        """How the page calls it."""
        return ("replayed, exact", "replayed, within tolerance", "rerun to verify", "not replayed")[
            self
        ]


def default_cache() -> Path:
    """Where outcomes of replays are remembered: in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "smile-bench" / "verified"


class Verifier:
    """Replays evaluations and remembers the outcome by the content of their files.

    Args:
        replay: whether to replay at all.
        cache: folder of remembered outcomes, or None to remember nothing. It must be the reader's
            own: an outcome in it is believed.
        verify: what replays a result's folder.
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
            LeaderboardError: it does not replay to its numbers.
        """
        if one.evidence is None:
            return Status.RERUN
        if not self.replay:
            return Status.UNCHECKED
        remembered = self.cache / f"{self._key(one)}.json" if self.cache else None
        if remembered is not None and (status := _recall(remembered)) is not None:
            return status
        outcome = self.verify(one.folder)
        if not outcome.passed:
            found = "; ".join(f"{f.name}: {f.detail}" for f in outcome.findings if not f.passed)
            raise LeaderboardError(f"it can not be verified: {found}")
        status = Status.EXACT if outcome.exact else Status.CLOSE
        if remembered is not None:
            write_atomically(remembered, json.dumps({"status": int(status)}))
        return status

    def _key(self, one: Evaluated) -> str:
        """Digest of both files and of what replays them."""
        total = hashlib.sha256((one.folder / RESULT_FILE).read_bytes())
        versions = [metadata.version(name) for name in ("smile-bench", "mujoco", "numpy")]
        facts = [one.evidence, *versions, platform.machine(), one.result.protocol_version]
        total.update(json.dumps(facts).encode())
        return total.hexdigest()


def _recall(path: Path) -> Status | None:
    try:
        return Status(json.loads(path.read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
