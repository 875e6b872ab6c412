from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smile_bench.checks import Check
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.checks.verification import (
    Status,
    Verifier,
    default_cache,
    status_label,
)
from smile_bench.leaderboard.entries.reading import Evaluated, read_entry
from smile_bench.protocol.verification import Verification
from tests.helpers.made_entries import ANT, move_evidence, result, write_entry, write_result


class Replays:
    """Stands in for replays: counts them and keeps what the folder held."""

    def __init__(self, *, exact: bool = True, wrong: str = "") -> None:
        self.exact, self.wrong, self.asked = exact, wrong, 0
        self.contents: dict[str, bytes] = {}

    def __call__(self, folder: Path) -> Verification:
        self.asked += 1
        self.contents = {path.name: path.read_bytes() for path in folder.iterdir()}
        findings = (
            Check("files", True, "well formed"),
            Check("replay", not self.wrong, self.wrong.format(folder=folder)),
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
            LeaderboardError, match="cannot be verified: replay: episode 3: other states"
        ):
            verify(one)
    assert replays.asked == 2


def test_a_replay_is_remembered_until_the_files_change(one: Evaluated, tmp_path: Path) -> None:
    replays = Replays(exact=False)
    for _ in range(3):
        assert Verifier(cache=tmp_path / "cache", verify=replays)(one) is Status.CLOSE
    assert replays.asked == 1
    write_result(tmp_path / "again", result(ANT, level=0.6), evidence=b"other")
    for changed in (
        replace(one, folder=tmp_path / "again", evidence=tmp_path / "again" / "evidence.h5"),
        replace(one, sha256="0" * 64),
    ):
        replays.asked = 0
        Verifier(cache=tmp_path / "cache", verify=replays)(changed)
        assert replays.asked == 1


def test_a_damaged_memory_is_not_believed(one: Evaluated, tmp_path: Path) -> None:
    replays = Replays()
    verify = Verifier(cache=tmp_path / "cache", verify=replays)
    verify(one)
    (remembered,) = (tmp_path / "cache").iterdir()
    for content in ("", "{}", '{"status": 0}', '{"status": "ABSENT"}', "[]"):
        remembered.write_text(content)
        assert verify(one) is Status.EXACT
    assert replays.asked == 6


def test_without_evidence_or_replay_nothing_is_verified(one: Evaluated) -> None:
    replays = Replays()
    bare = replace(one, evidence=None)
    assert Verifier(verify=replays)(bare) is Status.ABSENT
    assert Verifier(verify=replays)(replace(bare, reproducible=True)) is Status.RERUN
    assert Verifier(replay=False, verify=replays)(one) is Status.UNCHECKED
    assert replays.asked == 0


def test_the_worst_status_is_the_largest() -> None:
    assert max(Status.EXACT, Status.UNCHECKED, Status.CLOSE) is Status.UNCHECKED
    assert max(Status) is Status.ABSENT
    assert len({status.label for status in Status}) == len(Status)


def test_a_memory_that_cannot_be_written_blames_itself_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_entry(tmp_path / "entries", "mine", families=(ANT,), seeds=(0, 1))
    (tmp_path / "cache").write_text("a file where the folder should be")
    verify = Verifier(cache=tmp_path / "cache", verify=Replays())
    for run in read_entry(folder).runs:
        assert verify(run.primary) is Status.EXACT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"cannot be remembered in {tmp_path / 'cache'}" in error
    assert "mine" not in error


def test_evidence_from_elsewhere_is_replayed_with_its_result(tmp_path: Path) -> None:
    folder = write_entry(tmp_path / "entries", "mine", families=(ANT,))
    primary = folder / ANT / "seed-0" / "primary"
    elsewhere = tmp_path / "elsewhere"
    moved = move_evidence(primary, elsewhere)
    one = read_entry(folder, evidence=elsewhere).runs[0].primary
    replays = Replays()
    assert Verifier(verify=replays)(one) is Status.EXACT
    assert replays.contents == {
        "result.json": (primary / "result.json").read_bytes(),
        "evidence.h5": moved.read_bytes(),
    }
    assert [path.name for path in primary.iterdir()] == ["result.json"]
    # A finding names the file that was given, not a copy.
    with pytest.raises(LeaderboardError, match=f"replay: {moved} is cut") as caught:
        Verifier(verify=Replays(wrong="{folder}/evidence.h5 is cut"))(one)
    assert "smile-bench-" not in str(caught.value)


def test_a_label_names_the_seeds_where_they_differ() -> None:
    assert status_label({0: Status.CLOSE, 7: Status.CLOSE}) == Status.CLOSE.label
    assert status_label({2: Status.ABSENT, 0: Status.EXACT, 1: Status.ABSENT}) == (
        "seed 0: replayed, exact; seeds 1, 2: no evidence at hand"
    )


def test_the_memory_lies_in_the_user_s_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "smile-bench" / "verified"
