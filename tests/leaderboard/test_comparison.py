from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.leaderboard import comparison
from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.comparison import THRESHOLDS, improvements, profile_of
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.leaderboard.ranking import rank
from smile_bench.leaderboard.rows import Row, entry_rows
from smile_bench.protocol.statistics import probability_of_improvement
from tests.helpers.made_entries import ANT, FAMILIES, training, write_entry


def ranked(root: Path, **entries: dict[str, Any]) -> list[Row]:
    folders = [write_entry(root, name, **about) for name, about in entries.items()]
    return rank(
        [
            row
            for f in folders
            for row in entry_rows(read_entry(f), lambda _: Status.EXACT, FAMILIES)
        ]
    )


def test_each_pair_of_a_place_group_is_compared_once(tmp_path: Path) -> None:
    few = {"training": training(0, condition={"demonstrations": 4})}
    rows = ranked(
        tmp_path,
        first={"level": 0.9, "spread": 0.3, "seeds": (0, 1)},
        second={"level": 0.7, "spread": 0.3, "seeds": (2,), "track": "interactive"},
        third={"level": 0.1},
        partial={"level": 0.9, "families": (ANT,)},
        reference={"level": 1.0, "reference": True},
        other={"level": 0.9, "facts": few},
    )
    found = improvements(rows, FAMILIES)
    assert [(one.x.card.name, one.y.card.name) for one in found] == [
        ("first", "second"), ("first", "third"), ("second", "third"),
    ]  # fmt: skip
    scores = [
        {family: row.families[family].seed_scores for family in FAMILIES}
        for row in (found[0].x, found[0].y)
    ]
    assert scores[0][ANT].shape == (2, 16)
    estimate = found[0].probability
    assert estimate.value == probability_of_improvement(*scores)
    assert estimate.low < estimate.value < estimate.high


def test_only_the_best_of_a_large_group_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MOST", 2)
    levels = {f"row-{i}": {"level": 0.1 * i} for i in range(4)}
    (found,) = improvements(ranked(tmp_path, **levels), FAMILIES)
    assert (found.x.card.name, found.y.card.name) == ("row-3", "row-2")
    assert found.probability.value == 1.0


def test_a_profile_is_the_share_of_runs_above_each_score(tmp_path: Path) -> None:
    (row,) = ranked(tmp_path, only={"level": 0.5, "spread": 0.2, "seeds": (0, 1)})
    profile = profile_of(row, [ANT])
    scores = row.families[ANT].seed_scores
    np.testing.assert_allclose(profile.values, [(scores > t).mean() for t in THRESHOLDS])
    assert (profile.low <= profile.values).all()
    assert (profile.values <= profile.high).all()
    whole = profile_of(row, FAMILIES).values
    assert whole[0] == pytest.approx(1.0, abs=0.05)
    assert (np.diff(whole) <= 0).all()
