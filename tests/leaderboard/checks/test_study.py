from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smile_bench.datasets.conditions import Condition
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.checks import study
from smile_bench.leaderboard.checks.study import FORMAT, read_studies, read_study
from smile_bench.studies import table
from tests.helpers.made_entries import ANT
from tests.helpers.made_studies import study_cell, study_table, write_study


def test_the_writer_and_the_reader_agree_on_the_format() -> None:
    assert table.FORMAT == FORMAT


def test_a_table_is_read(tmp_path: Path) -> None:
    made = study_cell(ANT, 4, 8, 0.9, settings={"batch": 64, "encoder.width": [32, 32]})
    made["scores"] = [[None, *row[1:]] for row in made["scores"]]
    (cell,) = read_study(write_study(tmp_path / "table.json", [made]))
    assert cell.condition == Condition(demonstrations=4, tasks=8).on(ANT)
    assert cell.settings == (("batch", "64"), ("encoder.width", "[32, 32]"))
    assert (cell.study, cell.agent, cell.seeds) == ("budget", "meta-bc", (0, 1))
    assert cell.scores[0][:2] == (None, 0.9)
    assert cell.best == (0.1, None)
    assert (cell.cost.seconds, cell.cost.expert_queries) == (600.0, None)


def test_of_the_same_cell_in_two_tables_the_later_counts(tmp_path: Path) -> None:
    first = write_study(
        tmp_path / "a.json", [study_cell(ANT, 4, 8, 0.5), study_cell(ANT, 1, 8, 0.3)]
    )
    second = write_study(tmp_path / "b.json", [study_cell(ANT, 4, 8, 0.9)])
    found = {
        one.condition.demonstrations: one.scores[0][0] for one in read_studies([first, second])
    }
    assert found == {4: 0.9, 1: 0.3}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"family": "SmileAntGaol-v0"}, r"cells\[0\]: unknown family .* Did you mean"),
        ({"track": "onlien"}, "unknown track"),
        ({"protocol": "v0-" + "0" * 16}, "its protocol version is v0-0000000000000000; this"),
        ({"metric": "success"}, "its metric is 'success'; the primary one"),
        ({"seeds": [0, 0]}, "expected each once"),
        ({"seeds": [0]}, "scores must have 1 rows"),
        ({"scores": [[0.5], [0.5]]}, "scores must have 2 rows, one for each seed, of 16 tasks"),
        ({"metrics": [[0.5] * 16]}, "metrics must have 2 rows"),
        ({"scores": [[None] * 16] * 2}, "null on the same tasks for every seed, and a number"),
        ({"scores": [[None, *[0.5] * 15], [0.5] * 16]}, "null on the same tasks"),
        (
            {"scores": [["0.5"] * 16] * 2},
            r"cells\[0\].scores\[0\]\[0\] is '0.5'; expected a finite",
        ),
        ({"best": [0.1]}, "best must have 2 values"),
        ({"agent": "x\ny"}, "printable"),
        ({"cost": {"seconds": 1.0}}, "cost lacks cpu_seconds"),
        ({"state_only": "no"}, "expected true or false"),
        ({"more": 1}, "unknown field 'more'"),
    ],
)
def test_a_damaged_cell_is_one_clear_line(
    tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    path = write_study(tmp_path / "table.json", [study_cell(ANT, 4, 8, 0.5, **facts)])
    with pytest.raises(LeaderboardError, match=message) as caught:
        read_study(path)
    assert str(caught.value).endswith("Write the table again with `smile-bench study table`.")
    assert "table.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": 33}, "33"),
        ({"variant": "expret"}, "unknown variant"),
        ({"demonstrations": 0}, "expected an integer from 1"),
        ({"demonstrations": 2}, r"has the digest .*…; in this version of smile-bench it is"),
    ],
)
def test_a_condition_that_does_not_exist_is_one_clear_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    cell = study_cell(ANT, 4, 8, 0.5)
    cell["condition"] |= changes
    with pytest.raises(LeaderboardError, match=message):
        read_study(write_study(tmp_path / "table.json", [cell]))


def test_the_same_cell_twice_is_refused(tmp_path: Path) -> None:
    cells = [study_cell(ANT, 4, 8, 0.5), study_cell(ANT, 4, 8, 0.6)]
    with pytest.raises(LeaderboardError, match=r"cells\[1\] is the second one of meta-bc on"):
        read_study(write_study(tmp_path / "table.json", cells))
    read_study(write_study(tmp_path / "table.json", [cells[0], {**cells[1], "track": "rewards"}]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold one JSON object"),
        ('{"format": "smile-bench-season-1"}', "has the format 'smile-bench-season-1'; expected"),
        (f'{{"format": "{FORMAT}"}}', "lacks cells, sha256, study, versions"),
        (json.dumps(study_table([])), "cells is"),
        (json.dumps(study_table([study_cell(ANT, 4, 8, float("nan"))])), "NaN"),
    ],
)
def test_a_file_of_something_else_is_one_clear_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "table.json"
    path.write_text(content)
    with pytest.raises(LeaderboardError, match=message):
        read_study(path)


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_study(tmp_path / "table.json", [study_cell(ANT, 4, 8, 0.5)])
    with pytest.raises(LeaderboardError, match="missing"):
        read_study(tmp_path / "none.json")
    monkeypatch.setattr(study, "LIMIT", 100)
    with pytest.raises(LeaderboardError, match="at most 100 are read"):
        read_study(path)
