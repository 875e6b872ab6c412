from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.entries.evidence import find_evidence, require_folder, stated_sha256
from tests.helpers.made_entries import ANT, move_evidence, result, write_result

CONTENT = b"what happened"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a result with its evidence."""
    made = tmp_path / "entries" / "mine" / ANT / "seed-0" / "primary"
    write_result(made, result(ANT), evidence=CONTENT)
    return made


def test_a_result_states_the_digest_of_its_evidence(folder: Path) -> None:
    assert stated_sha256(folder / "result.json") == DIGEST


def test_evidence_is_found_beside_the_result_then_elsewhere(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert find_evidence(folder, DIGEST, None) == folder / "evidence.h5"
    assert find_evidence(folder, DIGEST, elsewhere) == folder / "evidence.h5"
    moved = move_evidence(folder, elsewhere)
    assert moved == elsewhere / "mine" / ANT / "seed-0" / "primary" / "evidence.h5"
    assert find_evidence(folder, DIGEST, None) is None
    assert find_evidence(folder, DIGEST, elsewhere) == moved
    assert find_evidence(folder, DIGEST, elsewhere / "mine") is None


def test_evidence_with_another_digest_is_refused_wherever_it_is(
    folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    moved = move_evidence(folder, elsewhere)
    moved.write_bytes(b"something else")
    with pytest.raises(LeaderboardError, match=r"elsewhere/.* has the SHA-256 .* states") as caught:
        find_evidence(folder, DIGEST, elsewhere)
    assert str(moved) in str(caught.value)
    assert DIGEST[:16] in str(caught.value)
    # A good copy beside the result does not hide a bad one elsewhere, nor the other way round.
    (folder / "evidence.h5").write_bytes(CONTENT)
    with pytest.raises(LeaderboardError, match="elsewhere"):
        find_evidence(folder, DIGEST, elsewhere)
    moved.write_bytes(CONTENT)
    (folder / "evidence.h5").write_bytes(b"something else")
    with pytest.raises(LeaderboardError, match=r"^primary/evidence.h5 has the SHA-256"):
        find_evidence(folder, DIGEST, elsewhere)


def test_huge_evidence_is_refused_unread(folder: Path, tmp_path: Path) -> None:
    moved = move_evidence(folder, tmp_path / "elsewhere")
    os.truncate(moved, 2**40)
    with pytest.raises(LeaderboardError, match="bytes; at most"):
        find_evidence(folder, DIGEST, tmp_path / "elsewhere")


def test_a_folder_of_evidence_must_exist(tmp_path: Path) -> None:
    require_folder(None)
    require_folder(tmp_path)
    with pytest.raises(LeaderboardError, match=r"nowhere is not a folder. --evidence takes"):
        require_folder(tmp_path / "nowhere")
