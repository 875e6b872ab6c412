from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.reading import Evaluated, read_entry
from smile_bench.leaderboard.ranking import rank, ranked_families
from smile_bench.leaderboard.rows import Row, entry_rows
from tests.helpers.made_entries import ANT, FAMILIES, VERSIONS, write_entry


def rows_of(folder: Path) -> list[Row]:
    return entry_rows(read_entry(folder), lambda one: Status.EXACT, FAMILIES)


def trusted(folder: Path) -> list[Row]:
    return entry_rows(read_entry(folder), lambda one: Status.UNCHECKED, FAMILIES, trusted=True)


def test_the_ranked_families_are_the_frozen_ones_of_the_paper() -> None:
    assert ranked_families() == FAMILIES


def test_ranks_are_within_track_and_form(tmp_path: Path) -> None:
    levels: dict[str, tuple[float, dict[str, Any]]] = {
        "first": (0.9, {}),
        "second": (0.8, {}),
        "equal": (0.8, {}),
        "fourth": (0.7, {}),
        "interactive": (0.1, {"track": "interactive"}),
        "rewarded": (0.95, {"track": "rewards"}),
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
        "rewarded": 1,
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
        "rewarded": 1,
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
        rows += trusted(write_entry(tmp_path, name, level=level, facts=facts))
    ranks = {row.card.name: (row.partition.mujoco, row.rank) for row in rank(rows)}
    assert ranks == {"old": ("3.17", 1), "new": ("4.0", 1), "patched": ("4.0", 2)}


def test_a_row_is_filed_under_the_mujoco_that_replayed_it(tmp_path: Path) -> None:
    """A version that does not exist gets no partition where it would rank first unopposed."""
    here = ".".join(metadata.version("mujoco").split(".")[:2])
    rows = rows_of(write_entry(tmp_path, "honest", level=0.9))
    facts = {"versions": {**VERSIONS, "mujoco": "99.7.1"}}
    rows += rows_of(write_entry(tmp_path, "lonely", level=0.2, facts=facts))
    ranks = {row.card.name: (row.partition.mujoco, row.rank) for row in rank(rows)}
    assert ranks == {"honest": (here, 1), "lonely": (here, 2)}


@pytest.mark.parametrize("status", [Status.CLOSE, Status.ABSENT, Status.RERUN, Status.UNCHECKED])
def test_what_did_not_replay_exactly_is_apart_and_unranked(tmp_path: Path, status: Status) -> None:
    rows = rows_of(write_entry(tmp_path, "honest", level=0.5))
    better = read_entry(write_entry(tmp_path, "better", level=0.9))
    rows += entry_rows(better, lambda one: status, FAMILIES)
    ranked = rank(rows)
    assert [(row.card.name, row.apart, row.rank, row.place) for row in ranked] == [
        ("honest", False, 1, 1),
        ("better", True, None, None),
    ]
    assert ranked[1].families[ANT].rank is None
    assert ranked[0].families[ANT].rank == 1


def test_seeds_that_were_not_replayed_do_not_count(tmp_path: Path) -> None:
    entry = read_entry(write_entry(tmp_path, "mine", families=(ANT,), seeds=(0, 1, 2)))

    def statuses(one: Evaluated) -> Status:
        return Status.EXACT if one.folder.parent.name == "seed-0" else Status.ABSENT

    checked, apart = rank(entry_rows(entry, statuses, FAMILIES))
    assert (checked.apart, checked.families[ANT].seeds) == (False, (0,))
    assert (apart.apart, apart.families[ANT].seeds) == (True, (1, 2))
    assert (checked.families[ANT].rank, apart.families[ANT].rank) == (1, None)


def test_places_are_across_tracks_and_forms(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"track": "interactive"}
    rows = rows_of(write_entry(tmp_path, "second", level=0.8))
    rows += rows_of(write_entry(tmp_path, "first", level=0.9, **facts))
    rows += rows_of(write_entry(tmp_path, "reference", level=1.0, reference=True))
    rows += rows_of(write_entry(tmp_path, "partial", families=(ANT,), level=1.0))
    places = {row.card.name: (row.rank, row.place) for row in rank(rows)}
    assert places == {
        "first": (1, 1),
        "second": (1, 2),
        "reference": (None, None),
        "partial": (None, None),
    }
