from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.leaderboard.rows import Row, entry_rows
from smile_bench.protocol.meta_test import load_meta_test
from tests.helpers.made_entries import (
    ANT,
    CHEETAH,
    FAMILIES,
    GRID,
    VERSIONS,
    result,
    training,
    write_entry,
    write_result,
)


def rows_of(
    folder: Path, statuses: Any = lambda one: Status.EXACT, *, trusted: bool = False
) -> list[Row]:
    return entry_rows(read_entry(folder), statuses, FAMILIES, trusted=trusted)


def row_of(folder: Path) -> Row:
    (row,) = rows_of(folder)
    return row


def test_the_overall_score_is_the_interquartile_mean_of_pooled_scores(tmp_path: Path) -> None:
    row = row_of(write_entry(tmp_path, "a", families=(*FAMILIES, GRID), seeds=(0, 1), spread=0.2))
    pooled = np.sort(
        np.concatenate(
            [
                run.primary.result.scores
                for run in read_entry(tmp_path / "a").runs
                if run.family in FAMILIES
            ]
        )
    )
    cut = len(pooled) // 4
    assert row.overall is not None
    found = row.overall.interquartile_mean
    assert found.value == pytest.approx(pooled[cut : len(pooled) - cut].mean())
    assert found.low < found.value < found.high
    assert row.overall.mean.value == pytest.approx(pooled.mean())
    assert row.overall.families == len(FAMILIES)


def test_a_family_s_numbers_are_means_over_seeds(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", families=(CHEETAH,))
    write_result(
        folder / CHEETAH / "seed-1" / "primary",
        result(CHEETAH, agent="a", level=1.0, seed=1),
    )
    part = row_of(folder).families[CHEETAH]
    references = load_meta_test(CHEETAH).references
    expert, blind = references.expert["velocity_error"], references.blind["velocity_error"]
    np.testing.assert_allclose(np.array(part.scores, np.float64), 0.75)
    np.testing.assert_allclose(part.per_task, blind + 0.75 * (expert - blind))
    assert part.worst == pytest.approx(max(part.per_task))
    assert part.metrics["velocity_error"].value == pytest.approx(np.mean(part.per_task))
    assert part.seeds == (0, 1)


def test_the_same_entry_gives_the_same_intervals(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", spread=0.2)
    assert row_of(folder) == row_of(folder)


def test_an_entry_without_a_ranked_family_is_incomplete(tmp_path: Path) -> None:
    row = row_of(write_entry(tmp_path, "a", families=(ANT, GRID)))
    assert row.overall is None
    assert row.missing == tuple(f for f in FAMILIES if f != ANT)


def test_an_entry_over_two_versions_is_a_row_in_each(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", families=(ANT,))
    facts: dict[str, Any] = {"versions": {**VERSIONS, "mujoco": "3.17.0"}}
    write_result(
        folder / ANT / "seed-1" / "primary",
        result(ANT, agent="a", seed=1, **facts),
    )
    rows = rows_of(folder, trusted=True)
    assert [(row.partition.mujoco, row.families[ANT].seeds) for row in rows] == [
        ("3.17", (1,)),
        ("4.0", (0,)),
    ]


def test_a_shot_curve_is_split_from_the_primary_evaluation(tmp_path: Path) -> None:
    meta_test = load_meta_test(CHEETAH)
    values = 0.1 * meta_test.shots.astype(np.float64)
    facts: dict[str, Any] = {"episodes": {"velocity_error": values}}
    folder = write_entry(tmp_path, "a", families=(CHEETAH,))
    write_result(
        folder / CHEETAH / "seed-1" / "primary", result(CHEETAH, agent="a", seed=1, **facts)
    )
    (folder / CHEETAH / "seed-0" / "primary" / "result.json").unlink()
    (folder / CHEETAH / "seed-0" / "primary" / "evidence.h5").unlink()
    (folder / CHEETAH / "seed-0" / "primary").rmdir()
    (folder / CHEETAH / "seed-0").rmdir()
    part = row_of(folder).families[CHEETAH]
    assert not part.shots_measured
    assert [point.shots for point in part.shots] == [1, 2, 3, 4]
    np.testing.assert_allclose([p.metric.value for p in part.shots], [0.1, 0.2, 0.3, 0.4])
    scores = [point.score for point in part.shots]
    assert scores == sorted(scores, reverse=True)


def test_a_shot_curve_of_its_own_goes_before(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", families=(CHEETAH,), level=0.5)
    for shots in (4, 1):
        write_result(
            folder / CHEETAH / "seed-0" / f"{shots}-shots",
            result(CHEETAH, agent="a", level=shots / 5, shots=shots),
        )
    part = row_of(folder).families[CHEETAH]
    assert part.shots_measured
    assert [(p.shots, round(p.score, 6)) for p in part.shots] == [(1, 0.2), (4, 0.8)]


def test_a_family_with_one_context_size_has_no_shot_curve(tmp_path: Path) -> None:
    assert row_of(write_entry(tmp_path, "a", families=(ANT,))).families[ANT].shots == ()


def test_costs_are_means_over_seeds_and_unknown_where_one_does_not_say(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", families=(ANT, CHEETAH))
    for family, said in (
        (ANT, training(1, seconds=5400, access={"env_steps": 100, "expert_queries": 0})),
        (CHEETAH, training(1, track="expert-queries", access={"expert_queries": 2})),
    ):
        made = result(family, agent="a", seed=1, training=said)
        write_result(folder / family / "seed-1" / "primary", made)
    row = row_of(folder)
    ant, cheetah = row.families[ANT].cost, row.families[CHEETAH].cost
    assert (ant.env_steps, ant.expert_queries, ant.hours) == (50.0, 0.0, 1.0)
    assert (cheetah.env_steps, cheetah.expert_queries) == (None, 1.0)


def test_a_shot_curve_that_nothing_made_again_is_not_drawn(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", families=(CHEETAH,), level=0.5)
    invented = result(CHEETAH, agent="a", level=2.31, shots=1)
    write_result(folder / CHEETAH / "seed-0" / "1-shots", invented)

    def shots(status: Status) -> Any:
        return lambda one: status if one.folder.name == "1-shots" else Status.EXACT

    for status in (Status.RERUN, Status.ABSENT, Status.CLOSE):
        (row,) = rows_of(folder, shots(status))
        part = row.families[CHEETAH]
        assert not part.shots_measured
        assert [point.score for point in part.shots] == pytest.approx([0.5] * 4)
    for status in (Status.RERAN, Status.EXACT, Status.CONFIRMED):
        (row,) = rows_of(folder, shots(status))
        assert row.families[CHEETAH].shots_measured
        assert row.families[CHEETAH].shots[0].score == pytest.approx(2.31)


def test_a_row_is_as_good_as_its_worst_verification(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", families=(ANT, CHEETAH))
    write_result(folder / CHEETAH / "seed-0" / "1-shots", result(CHEETAH, agent="a", shots=1))

    def statuses(one: Any) -> Status:
        if one.folder.name == "1-shots":
            return Status.RERUN
        return Status.EXACT if one.result.family == ANT else Status.CONFIRMED

    (row,) = rows_of(folder, statuses)
    assert row.statuses == {0: Status.EXACT}
    assert row.families[ANT].shots_statuses == {}
    assert row.families[CHEETAH].statuses == {0: Status.CONFIRMED}
    assert row.families[CHEETAH].shots_statuses == {0: Status.RERUN}


def test_the_status_of_each_seed_is_kept(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "a", families=(ANT, CHEETAH), seeds=(0, 1))

    def statuses(one: Any) -> Status:
        if one.folder.parent.name == "seed-0":
            return Status.EXACT
        return Status.ABSENT if one.result.family == ANT else Status.CLOSE

    (row,) = rows_of(folder, statuses, trusted=True)
    assert row.families[CHEETAH].statuses == {0: Status.EXACT, 1: Status.CLOSE}
    assert row.statuses == {0: Status.EXACT, 1: Status.ABSENT}
