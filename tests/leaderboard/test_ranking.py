from __future__ import annotations

from pathlib import Path
from typing import Any

from smile_bench.leaderboard.entries import read_entry
from smile_bench.leaderboard.ranking import rank, ranked_families
from smile_bench.leaderboard.rows import Row, entry_rows
from smile_bench.leaderboard.verification import Status
from tests.helpers.made_entries import ANT, FAMILIES, VERSIONS, write_entry


def rows_of(folder: Path) -> list[Row]:
    return entry_rows(read_entry(folder), lambda one: Status.EXACT, FAMILIES)


def test_the_ranked_families_are_the_frozen_ones_of_the_paper() -> None:
    assert ranked_families() == FAMILIES


def test_ranks_are_within_track_and_form(tmp_path: Path) -> None:
    levels: dict[str, tuple[float, dict[str, Any]]] = {
        "first": (0.9, {}),
        "second": (0.8, {}),
        "equal": (0.8, {}),
        "fourth": (0.7, {}),
        "interactive": (0.1, {"track": "interactive"}),
        "reference": (1.0, {"reference": True}),
    }
    rows = []
    for name, (level, about) in levels.items():
        rows += rows_of(write_entry(tmp_path, name, level=level, **about))
    rows += rows_of(
        write_entry(tmp_path, "blindfold", level=0.2, state_only=True, facts={"state_only": True})
    )
    rows += rows_of(write_entry(tmp_path, "partial", families=(ANT,), level=0.85))
    ranked = {row.card.name: row for row in rank(rows)}
    assert {name: row.rank for name, row in ranked.items()} == {
        "first": 1,
        "second": 2,
        "equal": 2,
        "fourth": 4,
        "interactive": 1,
        "blindfold": 1,
        "partial": None,
        "reference": None,
    }
    # On a family the incomplete entry takes its place; the reference does not.
    assert {name: row.families[ANT].rank for name, row in ranked.items()} == {
        "first": 1,
        "partial": 2,
        "second": 3,
        "equal": 3,
        "fourth": 5,
        "interactive": 1,
        "blindfold": 1,
        "reference": None,
    }
    assert next(iter(ranked)) == "first"
    assert list(ranked)[-1] == "reference"


def test_results_of_different_mujoco_are_not_compared(tmp_path: Path) -> None:
    rows = []
    for name, mujoco in (("old", "3.17.0"), ("new", "4.0.0"), ("patched", "4.0.2")):
        facts = {"versions": {**VERSIONS, "mujoco": mujoco}}
        level = {"old": 0.9, "new": 0.5, "patched": 0.4}[name]
        rows += rows_of(write_entry(tmp_path, name, level=level, facts=facts))
    ranks = {row.card.name: (row.partition.mujoco, row.rank) for row in rank(rows)}
    assert ranks == {"old": ("3.17", 1), "new": ("4.0", 1), "patched": ("4.0", 2)}
