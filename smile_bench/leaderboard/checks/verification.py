"""Whether results can be trusted: each is replayed from its evidence, once, or run again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from smile_bench.checks import Check
from smile_bench.errors import LeaderboardError
from smile_bench.io.files import write_atomically
from smile_bench.leaderboard.checks.rerunning import rerun_without_evidence
from smile_bench.leaderboard.entries.reading import Evaluated
from smile_bench.protocol.result import EVIDENCE_FILE, RESULT_FILE
from smile_bench.protocol.verification import (
    AgentLoader,
    Verification,
    rerun_verified,
    verify_result,
)
from smile_bench.provenance import version_of

__all__ = ["Status", "Verifier", "default_cache", "status_label"]


CHECKS = 3
"""Raised when checks become stricter, so that outcomes of weaker ones are forgotten."""


SHOWN = 2
"""Failed checks that a message names."""


class Status(IntEnum):
    """What is known of a result, the best first."""

    CONFIRMED = 0
    """Replayed, exact, and the agent that ships acted the same again."""
    EXACT = 1
    """Replayed: every state and number is the same to the last bit."""
    RERAN = 2
    """There is no evidence; the agent that ships was run again and gave the same numbers."""
    CLOSE = 3
    """Replayed, not exactly: the same within tolerance on another machine type or MuJoCo."""
    RERUN = 4
    """The evidence is not kept; running the agent, whose weights ship, gives it again."""
    UNCHECKED = 5
    """Not replayed in this build."""
    ABSENT = 6
    """The evidence is kept elsewhere and was not given to this build."""

    @property
    def label(self) -> str:
        """How the page calls it."""
        return _LABELS[self]

    @property
    def replays_exactly(self) -> bool:
        """Whether this build met every recorded state to the last bit."""
        return self <= Status.EXACT

    @property
    def made_again(self) -> bool:
        """Whether this build made the numbers again, by a replay or by running the agent."""
        return self <= Status.RERAN


_LABELS = {
    Status.CONFIRMED: "replayed, exact; rerun",
    Status.EXACT: "replayed, exact",
    Status.RERAN: "rerun",
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
        replay: whether to replay at all. Without it numbers are trusted as results state them.
        cache: folder of remembered outcomes, or None to remember nothing. It must be your own:
            whatever it says is trusted.
        verify: replays the folder of a result.
        rerun: loads an agent, given its name and a family's id. Evaluations of the agents that
            ship are then run again as well. None runs no agent.
    """

    def __init__(
        self,
        *,
        replay: bool = True,
        cache: Path | None = None,
        verify: Callable[[Path], Verification] = verify_result,
        rerun: AgentLoader | None = None,
    ) -> None:
        self.replay, self.cache, self.verify, self.rerun = replay, cache, verify, rerun
        self._cannot_remember = False

    def __call__(self, one: Evaluated) -> Status:
        """Verify one evaluation.

        Raises:
            LeaderboardError: its replay or its agent does not give its numbers.
        """
        again = self.rerun is not None and one.reproducible
        if one.evidence is None and not again:
            return Status.RERUN if one.reproducible else Status.ABSENT
        if one.evidence is not None and not self.replay:
            return Status.UNCHECKED
        remembered = self.cache / f"{self._key(one, again)}.json" if self.cache else None
        if remembered is not None and (status := _recall(remembered)) is not None:
            return status
        status = self._checked(one, again)
        if remembered is not None:
            self._remember(remembered, status)
        return status

    def _checked(self, one: Evaluated, again: bool) -> Status:
        if one.evidence is None:
            assert self.rerun is not None
            _require_passed(rerun_without_evidence(one.result, self.rerun))
            return Status.RERAN
        with _beside_result(one, one.evidence) as folder:
            outcome = self.verify(folder)
            # Name the file that the reader knows, not a copy of it.
            _require_passed(outcome.findings, (str(folder), str(one.evidence.parent)))
            if again:
                assert self.rerun is not None
                rerun = rerun_verified(outcome, self.rerun)
                _require_passed(rerun.findings, (str(folder), str(one.evidence.parent)))
        if not outcome.exact:
            return Status.CLOSE
        return Status.CONFIRMED if again else Status.EXACT

    def _remember(self, path: Path, status: Status) -> None:
        if self._cannot_remember:
            return
        try:
            write_atomically(path, json.dumps({"status": status.name}))
        except OSError as error:
            self._cannot_remember = True
            print(
                f"smile-bench: outcomes of replays cannot be remembered in {path.parent} "
                f"({error.strerror or error}), so the next build replays again. Set XDG_CACHE_HOME "
                "to a folder that you can write.",
                file=sys.stderr,
            )

    def _key(self, one: Evaluated, again: bool) -> str:
        """Digest of both files and of what checks them."""
        total = hashlib.sha256((one.folder / RESULT_FILE).read_bytes())
        versions = [version_of(name) for name in ("smile-bench", "mujoco", "numpy")]
        facts = [one.sha256, *versions, platform.machine(), one.result.protocol_version]
        total.update(json.dumps([CHECKS, again, *facts]).encode())
        return total.hexdigest()


def _require_passed(findings: Iterable[Check], rename: tuple[str, str] | None = None) -> None:
    """Refuse a result with a failed check; the message has the first ones."""
    failed = [f"{each.name}: {each.detail}" for each in findings if not each.passed]
    if failed:
        more = f"; and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
        found = "; ".join(failed[:SHOWN]) + more
        renamed = found.replace(*rename) if rename else found
        raise LeaderboardError(f"it cannot be verified: {renamed}")


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
    """The remembered outcome of a check, if there is one and it can be read."""
    try:
        status = Status[json.loads(path.read_text(encoding="utf-8"))["status"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return status if status <= Status.CLOSE else None
