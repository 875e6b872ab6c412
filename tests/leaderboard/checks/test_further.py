from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smile_bench.errors import SmileError
from smile_bench.leaderboard.build import build_leaderboard
from smile_bench.leaderboard.checks.further import read_further, write_retrained
from smile_bench.leaderboard.checks.retraining import judge
from smile_bench.leaderboard.checks.season import season_document, write_season
from smile_bench.leaderboard.checks.verification import Verifier
from smile_bench.leaderboard.entries.reading import read_entry
from tests.helpers.made_entries import ANT, write_entry

NUMBERS = {"frozen": 0.5, "fresh": 0.4, "gap": -0.1, "gap_error": 0.02}


def season(path: Path, weights: str | None) -> Path:
    agents = {"mine": {"weights_sha256": weights, **NUMBERS}}
    write_season(path, season_document(7, {ANT: {"agents": agents}}))
    return path


def shown(tmp_path: Path, **files: Any) -> dict[str, Any]:
    build_leaderboard(
        tmp_path / "entries",
        tmp_path / "site",
        Verifier(replay=False),
        further=read_further(**files),
    )
    (row,) = json.loads((tmp_path / "site" / "leaderboard.json").read_text())["rows"]
    found: dict[str, Any] = row
    return found


def test_a_row_says_what_was_checked(tmp_path: Path) -> None:
    folder = write_entry(tmp_path / "entries", "mine", families=(ANT,), facts={"weights": "a" * 64})
    row = shown(tmp_path)
    assert row["checks"] == {"replayed": False, "rerun": False, "retrained": False, "fresh": False}
    again = tmp_path / "again.json"
    write_retrained(again, "mine", [judge(read_entry(folder).runs, (1, 2), (0.5, 0.5))])
    fresh = season(tmp_path / "season.json", "a" * 64)
    row = shown(tmp_path, seasons=[fresh], retrained=[again])
    assert row["checks"] == {"replayed": False, "rerun": False, "retrained": True, "fresh": True}
    part = row["families"][ANT]
    assert part["fresh"] == {"season": 7, **NUMBERS}
    assert part["retrained"]["agrees"]
    assert part["retrained"]["scores"] == [0.5, 0.5]


def test_what_was_measured_of_other_weights_or_scores_does_not_count(tmp_path: Path) -> None:
    folder = write_entry(tmp_path / "entries", "mine", families=(ANT,), facts={"weights": "a" * 64})
    other = read_entry(write_entry(tmp_path / "other", "mine", families=(ANT,), level=0.9))
    again = tmp_path / "again.json"
    write_retrained(again, "mine", [judge(other.runs, (1, 2), (0.9, 0.9))])
    fresh = season(tmp_path / "season.json", "b" * 64)
    part = shown(tmp_path, seasons=[fresh], retrained=[again])["families"][ANT]
    assert (part["fresh"], part["retrained"]) == (None, None)
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "season.json"),
        ("[]", "must hold one JSON object"),
        ('{"format": "x"}', "has the format 'x'"),
        ('{"format": "smile-bench-season-1"}', "is damaged"),
        ('{"format": "smile-bench-season-1", "seed": 1, "families": [1]}', "is damaged"),
        (
            '{"format": "smile-bench-season-1", "seed": 1, '
            '"families": {"a": {"agents": {"b": 1}}}}',
            "is damaged",
        ),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "season.json"
    path.write_text(content)
    with pytest.raises(SmileError, match=message):
        read_further(seasons=[path])
    path.write_text(content.replace("season-1", "retrained-1"))
    with pytest.raises(SmileError):
        read_further(retrained=[path])
