from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smile_bench.protocol.metatest import References
from smile_bench.protocol.result import Result, normalised_scores, task_means

ANT, WALKER = "SmileAntGoal-v0", "SmileWalkerDynamics-v0"


def references(metric: str, expert: list[float], blind: list[float]) -> References:
    return References(expert={metric: np.array(expert)}, blind={metric: np.array(blind)})


def test_the_expert_scores_one_and_the_task_blind_expert_zero() -> None:
    tasks = np.array([0, 0, 1])
    known = references("min_distance", [0.1, 0.2], [1.1, 2.2])
    for values, score in (([0.0, 0.2, 0.2], 1.0), ([1.1, 1.1, 2.2], 0.0), ([0.6, 0.6, 1.2], 0.5)):
        scores = normalised_scores(ANT, tasks, {"min_distance": np.array(values)}, known)
        np.testing.assert_allclose(scores, score)


def test_walker_scores_are_the_papers_custom_metric_and_leave_out_what_can_not_measure() -> None:
    tasks = np.array([0, 1, 2])
    known = references("episode_return", [3000.0, 1000.0, 4000.0], [1000.0, 1200.0, 1000.0])
    scores = normalised_scores(
        WALKER, tasks, {"episode_return": np.array([2000.0, 5000.0, 4000.0])}, known
    )
    np.testing.assert_allclose(scores, [0.5, np.nan, 1.0])


def test_task_means_weigh_the_episodes_of_a_task_evenly() -> None:
    means = task_means(np.array([0, 1, 1, 1]), np.array([4.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(means, [4.0, 2.0])


def result(scores: list[float]) -> Result:
    return Result(
        agent="a",
        family=ANT,
        protocol_version="v0-x",
        dataset="d",
        privileged=False,
        state_only=False,
        evaluation="primary",
        tasks=np.array([0, 0, 1]),
        shots=np.ones(3, np.int64),
        episodes={"min_distance": np.array([0.25, 0.75, 1.0])},
        scores=np.array(scores),
        versions={"mujoco": "4"},
        seconds={"act": 1.0},
    )


def test_the_file_says_what_the_object_says(tmp_path: Path) -> None:
    made = result([0.5, 0.7])
    document = json.loads(made.save(tmp_path / "new" / "folder").read_text())
    assert document["metric"] == made.metric == pytest.approx(2 / 3)
    assert document["score"] == made.score == pytest.approx(0.6)
    assert document["episodes"]["min_distance"] == [0.25, 0.75, 1.0]
    assert document["protocol_version"] == "v0-x"
    assert document["scores_per_task"] == [0.5, 0.7]


def test_a_task_without_a_score_is_null_and_left_out_of_the_mean(tmp_path: Path) -> None:
    made = result([0.5, np.nan])
    assert made.score == 0.5
    document = json.loads(made.save(tmp_path).read_text())
    assert document["scores_per_task"] == [0.5, None]


def test_numbers_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    made = result([0.5, 0.5])
    made.save(tmp_path)
    before = (tmp_path / "result.json").read_text()
    broken = result([np.nan, np.nan])
    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="JSON"):
        broken.save(tmp_path)
    assert (tmp_path / "result.json").read_text() == before
