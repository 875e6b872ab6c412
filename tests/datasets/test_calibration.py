"""Finding the rate of errors at which an expert is half as good."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from smile_bench.datasets import Dataset, calibration
from smile_bench.datasets.calibration import Calibration, calibrate, is_medium
from smile_bench.envs import get_family
from smile_bench.errors import DatasetError
from smile_bench.experts.noisy import Medium

GRID = "SmileGridGoal-v0"


@pytest.mark.slow
def test_calibration_is_deterministic(medium: Dataset) -> None:
    found = calibrate(get_family(GRID))
    assert found == Calibration.of(medium)
    assert medium.attributes["calibration"] == {**asdict(found), "score": found.score}


@pytest.mark.slow
def test_calibration_of_a_success_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "CALIBRATION_EPISODES", 64)
    monkeypatch.setattr(calibration, "CALIBRATION_STEPS", 0)
    monkeypatch.setattr(calibration, "CLOSE_ENOUGH", 0.1)
    found = calibrate(get_family("SmileAntLinearClassification-v0"))
    assert found.metric == "success"
    assert 0.4 <= found.score <= 0.6
    assert found.blind < found.reached < found.expert


def test_a_score_is_relative_to_expert_and_task_blind_expert() -> None:
    found = Calibration(
        rate=0.5, metric="min_distance", reached=1.0, expert=0.5, blind=2.5, episodes=8
    )
    assert found.score == found.score_of(1.0) == 0.75
    assert (found.score_of(0.5), found.score_of(2.5), found.score_of(4.5)) == (1.0, 0.0, -1.0)
    assert [is_medium(score) for score in (0.39, 0.4, 0.6, 0.61)] == [False, True, True, False]


def test_an_expert_that_is_not_better_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "expert_metrics", lambda *_, **__: np.ones((64, 8)))
    with pytest.raises(DatasetError, match=r"must be better than .* episode_return is 1 and 1"):
        calibrate(get_family(GRID))


def test_it_says_when_no_rate_comes_near(monkeypatch: pytest.MonkeyPatch) -> None:
    # All or nothing: between the ends the score never lies near one half.
    def jump(family: object, policy: Medium, *_: object, **__: object) -> object:
        return np.full((64, 8), 1.0 if policy.rate < 0.3 else 0.0)

    monkeypatch.setattr(calibration, "expert_metrics", jump)
    with pytest.raises(DatasetError, match=r"scores must be 0\.4 to 0\.6, and the nearest"):
        calibrate(get_family(GRID))
