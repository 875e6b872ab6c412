from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.checks import Check
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.entries import Evaluated, read_entry
from smile_bench.leaderboard.verification import Status, Verifier, default_cache
from smile_bench.protocol.verification import Verification
from tests.helpers.made_entries import ANT, result, write_entry, write_result


class Replays:
    """Counts how often it is asked."""

    def __init__(self, *, exact: bool = True, wrong: str = "") -> None:
        self.exact, self.wrong, self.asked = exact, wrong, 0

    def __call__(self, folder: Path) -> Verification:
        self.asked += 1
        findings = (
            Check("files", True, "well formed"),
            Check("replay", not self.wrong, self.wrong),
        )
        return Verification(folder, self.exact, findings)


@pytest.fixture
def one(tmp_path: Path) -> Evaluated:
    return read_entry(write_entry(tmp_path, "mine", families=(ANT,))).runs[0].primary


def test_a_status_is_what_the_replay_gave(one: Evaluated) -> None:
    for exact, status in ((True, Status.EXACT), (False, Status.CLOSE)):
        assert Verifier(verify=Replays(exact=exact))(one) is status


def test_what_does_not_replay_is_an_error_each_time(one: Evaluated, tmp_path: Path) -> None:
    replays = Replays(wrong="episode 3: other states")
    verify = Verifier(cache=tmp_path / "cache", verify=replays)
    for _ in range(2):
        with pytest.raises(
            LeaderboardError, match="can not be verified: replay: episode 3: other states"
        ):
            verify(one)
    assert replays.asked == 2


def test_a_replay_is_remembered_until_the_files_change(one: Evaluated, tmp_path: Path) -> None:
    replays = Replays(exact=False)
    for _ in range(3):
        assert Verifier(cache=tmp_path / "cache", verify=replays)(one) is Status.CLOSE
    assert replays.asked == 1
    write_result(tmp_path / "again", result(ANT, level=0.6), evidence=b"other")
    changed = Evaluated(result=one.result, folder=tmp_path / "again", evidence="other")
    Verifier(cache=tmp_path / "cache", verify=replays)(changed)
    assert replays.asked == 2


def test_a_damaged_memory_is_not_believed(one: Evaluated, tmp_path: Path) -> None:
    replays = Replays()
    verify = Verifier(cache=tmp_path / "cache", verify=replays)
    verify(one)
    (remembered,) = (tmp_path / "cache").iterdir()
    for content in ("", "{}", '{"status": 9}', "[]"):
        remembered.write_text(content)
        assert verify(one) is Status.EXACT
    assert replays.asked == 5


def test_without_evidence_or_replay_nothing_is_verified(one: Evaluated) -> None:
    replays = Replays()
    bare = Evaluated(result=one.result, folder=one.folder, evidence=None)
    assert Verifier(verify=replays)(bare) is Status.RERUN
    assert Verifier(replay=False, verify=replays)(one) is Status.UNCHECKED
    assert replays.asked == 0


def test_the_worst_status_is_the_largest() -> None:
    assert max(Status.EXACT, Status.UNCHECKED, Status.CLOSE) is Status.UNCHECKED
    assert len({status.label for status in Status}) == len(Status)


def test_the_memory_lies_in_the_user_s_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "smile-bench" / "verified"
