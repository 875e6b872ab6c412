from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.entries import training as training_module
from smile_bench.leaderboard.entries.training import (
    Cost,
    Curve,
    Training,
    mean_cost,
    mean_coverage,
    read_curve,
    training_of,
)
from tests.helpers.made_entries import ANT, result


def stated(**facts: Any) -> Training | None:
    return training_of(result(ANT, training=facts))


def test_a_result_without_a_recipe_states_no_training() -> None:
    assert training_of(result(ANT, training=None)) is None


def test_the_facts_are_those_that_the_recipe_states() -> None:
    found = stated(seed=3, track="interactive", seconds=60, access={"env_steps": 5})
    assert found == Training(seed=3, track="interactive", seconds=60, env_steps=5, expert_queries=0)
    assert stated(settings={"seed": 4}) == Training(
        seed=4, track=None, seconds=None, env_steps=None, expert_queries=None
    )
    assert stated(track="offline") == Training(
        seed=None, track="offline", seconds=None, env_steps=0, expert_queries=0
    )
    coverage = {"partition": "halves", "cells": 2, "reached": 1, "share": 0.5}
    assert stated(track="unsupervised", coverage=coverage) == Training(
        seed=None,
        track="unsupervised",
        seconds=None,
        env_steps=None,
        expert_queries=0,
        demonstrations=0,
        coverage=0.5,
    )


@pytest.mark.parametrize(
    ("facts", "track"),
    [
        ({}, "offline"),
        ({"track": "interactive"}, "interactive"),
        ({"track": "offline", "access": {"env_steps": 1}}, "interactive"),
        ({"track": "interactive", "access": {"expert_queries": 1}}, "expert-queries"),
        ({"track": "expert-queries", "access": {"env_steps": 1}}, "expert-queries"),
        ({"track": "rewards", "access": {"env_steps": 1, "expert_queries": 0}}, "rewards"),
        ({"track": "unsupervised", "access": {"env_steps": 1}}, "unsupervised"),
        ({"track": "unsupervised", "access": {"demonstrations": 1}}, "interactive"),
        ({"track": "unsupervised", "access": {"expert_queries": 1}}, "expert-queries"),
        ({"access": {"env_steps": 1, "demonstrations": 0}}, "unsupervised"),
        ({"access": {"env_steps": 1, "demonstrations": 8}}, "interactive"),
    ],
)
def test_the_least_track_allows_everything_that_was_used(facts: dict[str, Any], track: str) -> None:
    found = stated(**facts)
    assert found is not None
    assert found.least_track == track


def test_costs_are_means_and_unknown_if_one_training_does_not_state_them() -> None:
    first = stated(track="interactive", seconds=3600, access={"env_steps": 100})
    second = stated(track="interactive", seconds=7200, access={"env_steps": 300})
    assert mean_cost([first, second]) == Cost(env_steps=200.0, expert_queries=0.0, hours=1.5)
    nothing = Cost(env_steps=None, expert_queries=None, hours=None)
    assert mean_cost([first, None]) == nothing


def test_coverage_is_a_mean_and_unknown_if_one_training_does_not_state_it() -> None:
    def covering(share: float) -> Training | None:
        reached = round(4 * share)
        return stated(
            coverage={"partition": "quarters", "cells": 4, "reached": reached, "share": share}
        )

    assert mean_coverage([covering(0.25), covering(0.75)]) == 0.5
    assert mean_coverage([covering(0.25), stated(track="unsupervised")]) is None
    assert mean_coverage([covering(0.25), None]) is None


def read(folder: Path, text: str) -> Curve | None:
    path = folder / "progress.csv"
    path.write_text(text)
    return read_curve(path, "return")


def test_a_curve_is_the_rows_in_which_the_metric_was_measured(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "iteration,seconds,losses/x,charts/env_steps,validation/return\n"
        "1,10,0.5,100,\n2,20,,200,1.5\n3,30,0.1,300,0.5\n",
    )
    assert found == Curve(seconds=(20.0, 30.0), env_steps=(200.0, 300.0), values=(1.5, 0.5))


def test_a_curve_without_counted_steps_has_none(tmp_path: Path) -> None:
    found = read(tmp_path, "iteration,seconds,validation/return\n1,10,2\n")
    assert found == Curve(seconds=(10.0,), env_steps=None, values=(2.0,))


def test_a_training_without_a_validation_metric_has_no_curve(tmp_path: Path) -> None:
    assert read(tmp_path, "iteration,seconds,losses/action_mse\n1,10,0.5\n") is None
    assert read(tmp_path, "iteration,seconds,validation/return\n1,10,\n") is None
    assert read(tmp_path, "iteration,seconds\n") is None


def test_long_curves_are_thinned_but_keep_their_ends(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i},{i * i}\n" for i in range(5000))
    found = read(tmp_path, "iteration,seconds,validation/return\n" + rows)
    assert found is not None
    assert (found.seconds[0], found.seconds[-1]) == (0.0, 4999.0)
    assert len(found.values) == 150
    np.testing.assert_allclose(found.values, np.square(found.seconds))
    assert max(np.diff(found.seconds)) <= 34


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header"),
        ("iteration,validation/return\n1,1\n", "iteration and seconds"),
        ("iteration,seconds,seconds\n1,1,1\n", "distinct column names"),
        ("iteration,seconds,x\n1,1\n", "line 2 has 2 cells; the header has 3"),
        ("iteration,seconds,x\n1,1,nan\n", "line 2: x is 'nan'"),
        ("iteration,seconds,x\n1,1,1\n2,2,inf\n", "line 3: x is 'inf'"),
        ("iteration,seconds,x\n1,1,=cmd()\n", "not a finite number"),
        ("iteration,seconds,x\n1,,1\n", "seconds must be a number"),
        ("iteration,seconds\n1,5\n2,4\n", "seconds decreases"),
        ("iteration,seconds\n2,5\n1,6\n", "iteration decreases"),
        ('iteration,seconds\n1,"5\n', "not a table"),
    ],
)
def test_a_table_that_is_wrong_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LeaderboardError, match=message):
        read(tmp_path, text)


def test_a_huge_table_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "progress.csv"
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(LeaderboardError, match="at most"):
        read_curve(path, "return")


def test_no_more_of_a_long_table_is_parsed_than_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_module, "MAX_ROWS", 3)
    parsed = []
    reader = csv.reader

    def counted(*arguments: Any, **options: Any) -> Iterator[list[str]]:
        for row in reader(*arguments, **options):
            parsed.append(row)
            yield row

    monkeypatch.setattr(csv, "reader", counted)
    with pytest.raises(LeaderboardError, match="at most 3 rows"):
        read(tmp_path, "iteration,seconds\n" + "1,1\n" * 1000)
    assert len(parsed) == 4


def test_a_table_of_too_many_columns_is_refused(tmp_path: Path) -> None:
    header = ",".join(["iteration", "seconds", *(f"x{i}" for i in range(1000))])
    with pytest.raises(LeaderboardError, match="at most 200 columns"):
        read(tmp_path, header + "\n")
