from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, trim_mean

from smile_bench.arrays import FloatArray
from smile_bench.errors import InputError
from smile_bench.protocol.statistics import (
    estimate_improvement,
    estimate_profile,
    interquartile_mean,
    mean,
    measured,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    summarise,
)
from smile_bench.protocol.statistics.intervals import resample


def sample_scores(
    seeds: int, tasks: int, digits: int, rng: np.random.Generator, at: float
) -> FloatArray:
    return rng.normal(at, 0.3, (seeds, tasks)).round(digits)


# What rliable 1.2.0 (with NumPy 2.4.6 and SciPy 1.17.1) gives for the scores of `rliable_scores`:
#   from rliable import metrics
#   metrics.aggregate_iqm(x), metrics.aggregate_mean(x), metrics.aggregate_optimality_gap(x)
#   metrics.probability_of_improvement(x, y), and the same for z and w
# Its module `library` cannot be imported beside pandas 3, so rliable is not a dependency.
RLIABLE_X = (0.6384848484848487, 0.6332307692307693, 0.3769230769230769)
RLIABLE_X_OVER_Y = 0.5480769230769231
RLIABLE_Z = (0.6545454545454545, None, 0.3761904761904763)
RLIABLE_Z_OVER_W = 0.6507936507936508


def rliable_scores() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(7)
    x, y = sample_scores(5, 13, 2, rng, 0.7), sample_scores(4, 13, 2, rng, 0.6)
    z, w = sample_scores(3, 7, 1, rng, 0.7), sample_scores(3, 7, 1, rng, 0.6)
    w[:, 2] = z[:, 2]
    return x, y, z, w


def test_point_estimates_are_those_of_rliable() -> None:
    x, y, z, w = rliable_scores()
    for scores, (iqm, average, gap) in ((x, RLIABLE_X), (z, RLIABLE_Z)):
        assert interquartile_mean({"a": scores}) == pytest.approx(iqm, abs=1e-14)
        assert optimality_gap({"a": scores}) == pytest.approx(gap, abs=1e-14)
        if average is not None:
            assert mean({"a": scores}) == pytest.approx(average, abs=1e-14)
    assert probability_of_improvement({"a": x}, {"a": y}) == pytest.approx(
        RLIABLE_X_OVER_Y, abs=1e-14
    )
    # Rounded scores, with many ties, and a task on which both are the same.
    assert probability_of_improvement({"a": z}, {"a": w}) == pytest.approx(
        RLIABLE_Z_OVER_W, abs=1e-14
    )


def families(seed: int = 0) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    return {
        "a": sample_scores(5, 13, 1, rng, 0.7),
        "b": sample_scores(3, 8, 2, rng, 0.2),
        "c": sample_scores(1, 5, 2, rng, 1.0),
    }


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), seeds=st.integers(1, 6), tasks=st.integers(1, 20))
def test_point_estimates_follow_the_formulas(seed: int, seeds: int, tasks: int) -> None:
    rng = np.random.default_rng(seed)
    scores = {"a": sample_scores(seeds, tasks, 2, rng, 0.6), "b": sample_scores(2, 3, 1, rng, 0.9)}
    other = {"a": sample_scores(3, tasks, 2, rng, 0.6), "b": sample_scores(4, 3, 1, rng, 0.9)}
    pooled = np.concatenate([array.ravel() for array in scores.values()])
    assert interquartile_mean(scores) == pytest.approx(trim_mean(pooled, 0.25), abs=1e-12)
    assert mean(scores) == pytest.approx(sum(pooled) / len(pooled), abs=1e-12)
    gap = sum(max(1.0 - score, 0.0) for score in pooled) / len(pooled)
    assert optimality_gap(scores) == pytest.approx(gap, abs=1e-12)
    chances = [
        mannwhitneyu(x, y, alternative="greater").statistic / (len(x) * len(y))
        for name in scores
        for x, y in zip(scores[name].T, other[name].T, strict=True)
    ]
    assert probability_of_improvement(scores, other) == pytest.approx(np.mean(chances), abs=1e-12)
    assert probability_of_improvement(scores, other) + probability_of_improvement(
        other, scores
    ) == pytest.approx(1.0)


def test_a_profile_is_the_share_above_each_threshold() -> None:
    scores = {"a": np.array([[0.0, 0.5], [1.0, 1.0]]), "b": np.array([[2.0]])}
    profile = performance_profile(scores, np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))
    np.testing.assert_allclose(profile, [1.0, 0.8, 0.6, 0.2, 0.0])


def test_resampled_statistics_are_those_of_the_resampled_scores() -> None:
    # The bootstrap counts how often each score comes up; here the scores are written out.
    scores, resamples = families(), 400
    pooled = np.concatenate([array.ravel() for array in scores.values()])
    rng = np.random.default_rng(3)
    counts = np.concatenate(list(resample(scores, rng, resamples)))
    assert (counts.sum(axis=1) == len(pooled)).all()
    written_out = [np.repeat(pooled, row) for row in counts]
    summary = summarise(scores, 3, resamples=resamples)
    for estimate, function in (
        (summary.interquartile_mean, lambda drawn: trim_mean(drawn, 0.25)),
        (summary.mean, np.mean),
        (summary.optimality_gap, lambda drawn: 1.0 - np.minimum(drawn, 1.0).mean()),
    ):
        ends = np.quantile([function(row) for row in written_out], (0.025, 0.975))
        assert (estimate.low, estimate.high) == pytest.approx(tuple(ends), abs=1e-12)
        assert estimate.value == pytest.approx(function(pooled), abs=1e-12)
    profile = estimate_profile(scores, np.array([0.3, 0.7]), 3, resamples=resamples)
    shares = [[np.mean(row > t) for t in (0.3, 0.7)] for row in written_out]
    np.testing.assert_allclose(
        (profile.low, profile.high), np.quantile(shares, (0.025, 0.975), axis=0), atol=1e-12
    )


def test_seeds_are_resampled_as_rows_and_tasks_as_columns_of_every_family() -> None:
    scores = {"a": np.zeros((4, 6)), "b": np.zeros((2, 3))}
    (counts,) = resample(scores, np.random.default_rng(0), 200)
    for row in counts:
        for part, total in ((row[:24].reshape(4, 6), 24), (row[24:].reshape(2, 3), 6)):
            assert part.sum() == total
            assert np.linalg.matrix_rank(part) == 1
    by_seed = counts[:, :24].reshape(-1, 4, 6).sum(axis=2) / 6
    by_task = counts[:, :24].reshape(-1, 4, 6).sum(axis=1) / 4
    assert (by_seed == by_seed.round()).all()
    assert (by_task == by_task.round()).all()
    assert by_seed.min() == by_task.min() == 0
    assert abs(by_seed.mean(axis=0) - 1).max() < 0.25


def test_intervals_are_as_wide_as_theory_says() -> None:
    # The variance of a crossed design: seeds' and tasks' effects, each over their number.
    rng = np.random.default_rng(1)
    seeds, tasks = rng.normal(0, 0.2, (20, 1)), rng.normal(0, 0.4, (1, 30))
    scores = {"a": 0.5 + seeds + tasks}
    estimate = summarise(scores, 0, resamples=4000).mean
    deviation = np.sqrt(seeds.var() / 20 + tasks.var() / 30)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * deviation, rel=0.08)
    x, y = {"a": 0.3 + seeds + tasks}, {"a": 0.3 + seeds[::-1] + tasks}
    improvement = estimate_improvement(x, y, 0, resamples=1000)
    assert improvement.low < 0.5 < improvement.high
    assert improvement.value == pytest.approx(0.5)


def test_improvement_resamples_tasks_once_for_both() -> None:
    # X wins on every task, by less than tasks differ: no resample of tasks can hide it.
    tasks = np.linspace(0.0, 5.0, 11)[None]
    better = estimate_improvement(
        {"a": tasks.repeat(3, 0) + 0.01}, {"a": tasks.repeat(2, 0)}, 0, resamples=500
    )
    assert (better.value, better.low, better.high) == (1.0, 1.0, 1.0)


def test_the_seed_decides_and_nothing_else() -> None:
    scores = families()
    np.random.seed(0)  # noqa: NPY002 (global state must not matter)
    one = summarise(scores, 5, resamples=300)
    np.random.seed(1)  # noqa: NPY002
    assert summarise(scores, 5, resamples=300) == one
    assert summarise(scores, np.random.default_rng(5), resamples=300) == one
    assert summarise(scores, 6, resamples=300) != one


def test_a_task_that_cannot_be_measured_is_left_out() -> None:
    holed = {"a": np.array([[0.1, np.nan, 0.3], [0.5, np.nan, 0.7]]), "b": np.full((1, 2), np.nan)}
    whole = {"a": np.array([[0.1, 0.3], [0.5, 0.7]])}
    np.testing.assert_array_equal(measured(holed)["a"], whole["a"])
    assert measured(holed).keys() == {"a"}
    assert summarise(holed, 0, resamples=200) == summarise(whole, 0, resamples=200)
    summary = summarise(holed, 0, resamples=2)
    assert (summary.families, summary.tasks, summary.scores) == (1, 2, 4)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"a": [[0.1, np.nan], [0.2, 0.3]]}, r"on tasks \[1\].* NaN for some seeds"),
        ({"a": [[0.1, np.inf]]}, r"on tasks \[1\] are infinite"),
        ({"a": [0.1, 0.2]}, r"shape \(seeds, tasks\), got .* \(2,\)"),
        ({"a": np.empty((0, 3))}, r"\(0, 3\)"),
        ({"a": [["x"]]}, "must be numbers"),
        ({"a": [[np.nan]]}, "no family has a measured task"),
        ({}, "no family has a measured task"),
    ],
)
def test_scores_of_another_form_are_refused(scores: dict[str, FloatArray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        summarise(scores, 0)


def test_scores_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InputError, match="same families"):
        probability_of_improvement({"a": np.ones((1, 2))}, {"b": np.ones((1, 2))})
    with pytest.raises(InputError, match="2 and 3 tasks"):
        probability_of_improvement({"a": np.ones((1, 2))}, {"a": np.ones((1, 3))})
    with pytest.raises(InputError, match="NaN on different"):
        probability_of_improvement({"a": np.array([[1, np.nan]])}, {"a": np.array([[np.nan, 1]])})


@pytest.mark.parametrize("arguments", [{"resamples": 0}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_resamples_and_confidence_are_checked(arguments: dict[str, float]) -> None:
    with pytest.raises(InputError, match="at least 1 resample"):
        summarise(families(), 0, **{"resamples": 10, **arguments})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 1 resample"):
        estimate_improvement(families(), families(), 0, **{"resamples": 10, **arguments})  # type: ignore[arg-type]
