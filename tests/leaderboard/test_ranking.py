from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.reading import Evaluated, read_entry
from smile_bench.leaderboard.ranking import rank, ranked_families
from smile_bench.leaderboard.rows import Row, entry_rows
from smile_bench.protocol.statistics import Estimate
from tests.helpers.made_entries import ANT, CHEETAH, FAMILIES, VERSIONS, training, write_entry


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


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Row:
    folder = write_entry(tmp_path_factory.mktemp("template"), "template")
    (row,) = trusted(folder)
    return row


Drawn = tuple[float, float, float, bool]
"""Lower end, score and upper end, and whether the row has one seed."""


def made_rows(template: Row, drawn: dict[str, Drawn]) -> list[Row]:
    assert template.overall is not None
    rows = []
    for name, (low, value, high, one_seed) in drawn.items():
        overall = replace(template.overall, interquartile_mean=Estimate(value, low, high))
        card = replace(template.card, name=name)
        rows.append(replace(template, card=card, overall=overall, one_seed=one_seed))
    return rows


def places_of(template: Row, drawn: dict[str, Drawn]) -> dict[str, int | None]:
    return {row.card.name: row.place for row in rank(made_rows(template, drawn))}


def test_one_seed_is_not_ranked_above_a_row_whose_interval_overlaps(template: Row) -> None:
    drawn = {
        "lucky": (0.80, 0.95, 0.99, True),
        "steady": (0.85, 0.88, 0.90, False),
        "lower": (0.70, 0.75, 0.79, False),
    }
    assert places_of(template, drawn) == {"lucky": 1, "steady": 1, "lower": 3}
    # With more seeds the same numbers rank by themselves, whatever overlaps.
    drawn["lucky"] = (0.80, 0.95, 0.99, False)
    assert places_of(template, drawn) == {"lucky": 1, "steady": 2, "lower": 3}


def test_one_seed_that_clearly_leads_is_first(template: Row) -> None:
    drawn = {"clear": (0.93, 0.95, 0.99, True), "steady": (0.85, 0.88, 0.90, False)}
    assert places_of(template, drawn) == {"clear": 1, "steady": 2}


def test_a_chain_of_rows_with_one_seed_shares_a_rank(template: Row) -> None:
    drawn = {
        "top": (0.85, 0.90, 0.95, True),
        "between": (0.75, 0.80, 0.86, True),
        "bottom": (0.65, 0.70, 0.76, True),
        "apart": (0.10, 0.20, 0.30, True),
    }
    assert places_of(template, drawn) == {"top": 1, "between": 1, "bottom": 1, "apart": 4}


ROW = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 0.2), st.floats(0.0, 0.2), st.booleans()).map(
    lambda t: (t[0] - t[1], t[0], t[0] + t[2], t[3])
)


@given(st.lists(ROW, min_size=1, max_size=8))
def test_ranks_keep_the_rule_for_every_pair(template: Row, drawn: list[Drawn]) -> None:
    named = {f"row-{i}": one for i, one in enumerate(drawn)}
    places = places_of(template, named)
    for x, (x_low, x_value, x_high, x_single) in named.items():
        for y, (y_low, y_value, y_high, y_single) in named.items():
            own, other = places[x], places[y]
            assert own is not None
            assert other is not None
            overlap = x_low <= y_high and y_low <= x_high
            if x_single and overlap:
                assert own >= other
            if not x_single and not y_single and x_value > y_value:
                assert own < other
            # A row with more seeds never loses a rank to one that scores lower.
            if not x_single and x_value >= y_value:
                assert own <= other


@given(st.lists(ROW, min_size=1, max_size=6))
def test_a_row_far_above_or_below_moves_no_two_rows(template: Row, drawn: list[Drawn]) -> None:
    named = {f"row-{i}": one for i, one in enumerate(drawn)}
    before = places_of(template, named)
    far = {"above": (8.0, 9.0, 10.0, True), "below": (-10.0, -9.0, -8.0, True)}
    after = places_of(template, {**named, **far})
    assert {name: after[name] for name in named} == {
        name: place + 1 for name, place in before.items() if place is not None
    }


def test_seeds_count_overall_and_on_each_family(tmp_path: Path) -> None:
    rows = rows_of(write_entry(tmp_path, "one", level=0.52, spread=0.3))
    rows += rows_of(write_entry(tmp_path, "three", level=0.5, spread=0.3, seeds=(1, 2, 3)))
    one, three = sorted(rank(rows), key=lambda row: row.card.name)
    assert (one.one_seed, three.one_seed) == (True, False)
    assert one.place == three.place == 1
    for family in FAMILIES:
        parts = one.families[family], three.families[family]
        assert [part.one_seed for part in parts] == [True, False]
        assert parts[0].place is not None
        assert parts[1].place is not None
        assert parts[0].place >= parts[1].place


def test_what_is_not_trained_is_exempt(tmp_path: Path) -> None:
    rows = rows_of(
        write_entry(tmp_path, "player", level=0.52, spread=0.3, facts={"training": None})
    )
    rows += rows_of(write_entry(tmp_path, "three", level=0.5, spread=0.3, seeds=(1, 2, 3)))
    ranked = {row.card.name: row for row in rank(rows)}
    assert not ranked["player"].one_seed
    scores = {name: row.overall for name, row in ranked.items()}
    best = max(scores, key=lambda name: scores[name].interquartile_mean.value)  # type: ignore[union-attr]
    assert [ranked[best].place, *(r.place for n, r in ranked.items() if n != best)] == [1, 2]


def test_weights_without_a_recipe_are_a_training(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"training": None, "weights": "a" * 64}
    (row,) = rows_of(write_entry(tmp_path, "silent", facts=facts))
    assert row.one_seed


def test_conditions_are_not_compared(tmp_path: Path) -> None:
    few = {"training": training(0, condition={"demonstrations": 4})}
    rows = rows_of(write_entry(tmp_path, "all", level=0.9))
    rows += rows_of(write_entry(tmp_path, "few", level=0.6, facts=few))
    rows += rows_of(write_entry(tmp_path, "fewer", level=0.5, facts=few))
    rows += rows_of(write_entry(tmp_path, "player", level=0.4, facts={"training": None}))
    ranked = rank(rows)
    assert [(row.card.name, row.condition, row.rank, row.place) for row in ranked] == [
        ("all", "canonical", 1, 1),
        ("player", "canonical", 2, 2),
        ("few", "4 demonstrations, all tasks", 1, 1),
        ("fewer", "4 demonstrations, all tasks", 2, 2),
    ]
    assert [row.families[ANT].rank for row in ranked] == [1, 2, 1, 2]


def test_on_a_family_its_own_condition_counts(tmp_path: Path) -> None:
    rows = rows_of(write_entry(tmp_path, "all", level=0.9))
    mixed = write_entry(tmp_path, "mixed", families=(ANT,), level=0.5)
    few = {"training": training(0, condition={"demonstrations": 4})}
    part = write_entry(tmp_path / "away", "mixed", families=(CHEETAH,), level=0.5, facts=few)
    (part / CHEETAH).rename(mixed / CHEETAH)
    about = (mixed / "entry.json").read_text()
    number = about[about.index('"demonstrations"') :]
    changed = number.replace(f'"{ANT}": 16', f'"{ANT}": 16, "{CHEETAH}": 4')
    (mixed / "entry.json").write_text(about.replace(number, changed))
    found = {row.card.name: row for row in rank(rows + rows_of(mixed))}["mixed"]
    assert found.condition == (
        "Ant goal: canonical; Half-cheetah velocity: 4 demonstrations, all tasks"
    )
    assert (found.families[ANT].place, found.families[CHEETAH].place) == (2, 1)
