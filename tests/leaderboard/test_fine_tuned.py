"""Entries of the fine-tune track: read, checked, ranked and shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.build import build_leaderboard, check_folder, markdown_table
from smile_bench.leaderboard.checks.verification import Status, Verifier
from smile_bench.leaderboard.checks.whole import check_entries
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.leaderboard.fine_tuned import (
    FineTunedRow,
    fine_tuned_rows,
    ranked_fine_tuned,
)
from smile_bench.leaderboard.ranking import ranked_families
from smile_bench.leaderboard.rows import entry_rows
from smile_bench.protocol.fine_tuning import area_under_curve, load_fine_tuning
from smile_bench.protocol.fine_tuning.folder import fine_tune_into
from tests.helpers.fine_tuner import BestOfChance
from tests.helpers.made_entries import (
    GRID,
    card,
    fine_tuned_result,
    write_card,
    write_entry,
    write_fine_tuned,
    write_result,
)

EPISODES = (0, 1, 5, 20, 100)
RISING = (0.2, 0.3, 0.5, 0.8, 0.9)
TRUSTING = Verifier(replay=False)


def test_an_entry_is_read_as_curves(tmp_path: Path) -> None:
    folder = write_fine_tuned(tmp_path, "mine", levels={"half": RISING, "expert": RISING})
    entry = read_entry(folder)
    assert entry.runs == ()
    assert [(run.family, run.seed) for run in entry.fine_tuned] == [(GRID, 0), (GRID, 1)]
    curves = entry.fine_tuned[1].curves
    assert {kind: tuple(curve) for kind, curve in curves.items()} == {
        "expert": EPISODES,
        "half": EPISODES,
    }
    assert len(entry.evaluations) == 20
    assert curves["half"][20].place == f"{GRID}/seed-1/half-20"
    assert check_folder(folder, TRUSTING).entry.card.track == "fine-tune"


def _gone(folder: Path) -> None:
    shutil.rmtree(folder / GRID / "seed-0" / "expert-5")


def _strange(folder: Path) -> None:
    (folder / GRID / "seed-0" / "primary").mkdir()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder / GRID / "seed-0")
    (folder / GRID / "seed-0").mkdir()


def _without_evidence(folder: Path) -> None:
    (folder / GRID / "seed-0" / "expert-100" / "evidence.h5").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_gone, "expert-5 of the curve is missing; the protocol scores after 0, 1, 5, 20, 100"),
        (_strange, "primary is not an evaluation of fine-tuning"),
        (_empty, "nothing is not an evaluation of fine-tuning"),
        (_without_evidence, r"expert-100/evidence\.h5 is missing"),
    ],
)
def test_folders_of_another_form_are_refused(damage: Any, message: str, tmp_path: Path) -> None:
    folder = write_fine_tuned(tmp_path, "mine", levels={"expert": RISING})
    damage(folder)
    with pytest.raises(LeaderboardError, match=message):
        read_entry(folder)


def test_curves_do_not_belong_to_other_tracks_nor_primaries_to_this_one(tmp_path: Path) -> None:
    folder = write_fine_tuned(tmp_path, "mine", levels={"expert": RISING}, track="offline")
    with pytest.raises(LeaderboardError, match="the folder primary"):
        read_entry(folder)
    other = write_entry(tmp_path, "other", families=(GRID,), track="fine-tune")
    with pytest.raises(LeaderboardError, match="primary is not an evaluation of fine-tuning"):
        read_entry(other)


def _replaced(folder: Path, contexts: str, number: int, **facts: Any) -> None:
    where = folder / GRID / "seed-0" / f"{contexts}-{number}"
    shutil.rmtree(where)
    write_result(where, fine_tuned_result(GRID, contexts, number, **facts))


def _facts(number: int, **changes: Any) -> dict[str, Any]:
    facts = fine_tuned_result(GRID, "expert", number).fine_tuning
    assert facts is not None
    changed = replace(facts, **changes)
    return {"fine_tuning": changed, "evaluation": changed.evaluation}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (_facts(5, seed=3), "fine-tuned with seed 3"),
        (_facts(5, schedule=(0, 2, 5)), r"was scored after \[0, 2, 5\] rewarded episodes"),
        (_facts(20), "not 'fine-tune, expert, 5 episodes'"),
        ({"protocol_version": f"v0-{'0' * 16}"}, "the protocol version is v0-0000"),
        ({"weights": "0" * 64}, "begin from different weights or trainings"),
        ({"state_only": True}, "was shown no actions"),
        ({"agent": "other"}, "of different agents"),
        (
            {"training": {"track": "rewards", "seed": 7}},
            "its training needs several tracks at once|the track 'rewards'",
        ),
    ],
)
def test_results_that_contradict_their_place_are_refused(
    facts: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = write_fine_tuned(tmp_path, "mine", levels={"expert": RISING})
    _replaced(folder, "expert", 5, level=0.5, **facts)
    with pytest.raises(LeaderboardError, match=message):
        check_folder(folder, TRUSTING)


def test_scores_that_do_not_follow_from_the_episodes_are_refused(tmp_path: Path) -> None:
    folder = write_fine_tuned(tmp_path, "mine", levels={"expert": RISING})
    scores = fine_tuned_result(GRID, "expert", 5).scores + 0.1
    _replaced(folder, "expert", 5, scores=scores)
    with pytest.raises(LeaderboardError, match=r"its score is 0\.6, but its episodes give 0\.5"):
        check_folder(folder, TRUSTING)


def test_entries_may_begin_from_one_imitator_but_not_share_a_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_fine_tuned(tmp_path, name, levels={"expert": RISING}, seeds=(0,))
    same = [tmp_path / name / GRID / "seed-0" / "expert-0" for name in ("one", "two")]
    for folder in same:
        shutil.rmtree(folder)
        made = fine_tuned_result(GRID, "expert", 0, level=0.2)
        write_result(folder, made, evidence=b"the imitator's")
    assert len(check_entries(tmp_path, TRUSTING)) == 2
    last = [tmp_path / name / GRID / "seed-0" / "expert-100" for name in ("one", "two")]
    shutil.rmtree(last[1])
    shutil.copytree(last[0], last[1])
    with pytest.raises(LeaderboardError, match=r"has the same evidence as one: .*/expert-100"):
        check_entries(tmp_path, TRUSTING)


def _rows(
    root: Path, names: Sequence[str], status: Status = Status.EXACT, trusted: bool = False
) -> list[FineTunedRow]:
    rows = [
        row
        for name in names
        for row in fine_tuned_rows(read_entry(root / name), lambda one: status, trusted=trusted)
    ]
    return ranked_fine_tuned(rows)


def test_rows_are_ranked_by_area_within_family_and_contexts(tmp_path: Path) -> None:
    write_fine_tuned(tmp_path, "fast", levels={"half": (0.2, 0.8, 0.9, 0.9, 0.9)})
    write_fine_tuned(tmp_path, "slow", levels={"half": RISING, "expert": RISING})
    write_fine_tuned(tmp_path, "once", levels={"half": (1.0,) * 5}, seeds=(0,))
    rows = _rows(tmp_path, ("slow", "once", "fast"))
    assert [(row.contexts, row.card.name, row.rank) for row in rows] == [
        ("expert", "slow", 1),
        ("half", "fast", 1),
        ("half", "slow", 2),
        ("half", "once", None),
    ]
    slow = rows[2]
    assert slow.area.value == pytest.approx(area_under_curve(EPISODES, np.array(RISING)))
    assert [score.value for score in slow.scores] == pytest.approx(RISING)
    assert slow.demonstrator == load_fine_tuning(GRID, "half").demonstrator_score
    assert slow.seeds == (0, 1)
    assert ("seed 1, 20 episodes", f"slow/{GRID}/seed-1/half-20") in slow.evidence


def test_what_did_not_replay_stands_apart(tmp_path: Path) -> None:
    write_fine_tuned(tmp_path, "mine", levels={"expert": RISING})
    entry = read_entry(tmp_path / "mine")

    def status(one: Any) -> Status:
        return Status.ABSENT if one.place.endswith("seed-1/expert-20") else Status.EXACT

    rows = ranked_fine_tuned(fine_tuned_rows(entry, status))
    assert [(row.seeds, row.apart, row.rank) for row in rows] == [
        ((0,), False, None),
        ((1,), True, None),
    ]
    assert rows[1].statuses == {1: Status.ABSENT}
    (row,) = _rows(tmp_path, ("mine",), Status.UNCHECKED, trusted=True)
    assert (row.apart, row.rank) == (False, 1)


def test_they_make_no_row_of_the_ranking(tmp_path: Path) -> None:
    write_fine_tuned(tmp_path, "mine", levels={"expert": RISING})
    entry = read_entry(tmp_path / "mine")
    assert entry_rows(entry, lambda one: Status.EXACT, ranked_families()) == []


def test_the_document_and_the_table_have_them(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_fine_tuned(root, "mine", levels={"expert": RISING}, title="Mine | yours")
    build_leaderboard(root, site, TRUSTING)
    document = json.loads((site / "leaderboard.json").read_text())
    assert document["rows"] == []
    (row,) = document["fine_tuned"]
    assert row["episodes"] == list(EPISODES)
    assert [score[0] for score in row["scores"]] == list(RISING)
    assert (row["rank"], row["seeds"], row["contexts"]) == (1, [0, 1], "expert")
    table = markdown_table(root, TRUSTING)
    assert "## Fine-tune: rewarded episodes in the meta-test tasks" in table
    line = next(line for line in table.splitlines() if "yours" in line)
    assert line.startswith("| 1 | Mine \\| yours | Grid goal | expert | **0.5")
    assert "| 0.200 | 0.300 | 0.500 | 0.800 | 0.900 | 1.042 | 2 | not replayed |" in line


def test_a_true_entry_is_replayed(tmp_path: Path) -> None:
    folder = tmp_path / "chance"
    write_card(folder, card("chance", (GRID,), track="fine-tune"))
    fine_tune_into(folder, BestOfChance(), GRID, contexts="half")
    checked = check_folder(folder, Verifier())
    assert {checked.status(one) for one in checked.entry.evaluations} == {Status.EXACT}
