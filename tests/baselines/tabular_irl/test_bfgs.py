"""Batched BFGS: known optima, tasks of very different scales, and honest warnings."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.arrays import FloatArray
from smile_bench.baselines.tabular_irl.bfgs import maximise
from smile_bench.errors import ConvergenceWarning


def bowls(tasks: int, size: int) -> tuple[FloatArray, FloatArray]:
    """Curvatures (B, K, K), positive definite and of scales 1e-2 to 1e2, and optima (B, K)."""
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(tasks, size, size))
    scales = np.logspace(-2, 2, tasks)[:, None, None]
    curvatures = scales * (roots @ roots.transpose(0, 2, 1) + np.eye(size))
    return curvatures, rng.normal(size=(tasks, size))


def test_every_task_reaches_its_own_optimum() -> None:
    curvatures, optima = bowls(5, 4)

    def objective(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        away = points - optima
        gradients = -np.einsum("bij,bj->bi", curvatures, away)
        return 0.5 * (away * gradients).sum(axis=1) + 3.0, gradients

    found = maximise(objective, np.zeros((5, 4)), tolerance=1e-8)
    np.testing.assert_allclose(found.points, optima, atol=1e-5)
    np.testing.assert_allclose(found.values, 3.0, atol=1e-10)
    assert found.residuals.max() <= 1e-8


def test_a_task_s_result_does_not_depend_on_the_others() -> None:
    targets = np.array([[-1.0, 2.0], [0.5, -3.0], [4.0, 0.1]])

    def among(chosen: list[int]) -> FloatArray:
        def objective(points: FloatArray) -> tuple[FloatArray, FloatArray]:
            away = points - targets[chosen]
            return -np.log(np.cosh(away)).sum(axis=1), -np.tanh(away)

        return maximise(objective, np.zeros((len(chosen), 2)), tolerance=1e-9).points

    together = among([0, 1, 2])
    np.testing.assert_allclose(together, targets, atol=1e-8)
    for task in range(3):
        np.testing.assert_allclose(among([task])[0], together[task], atol=1e-8)


def test_a_start_at_the_optimum_needs_no_iterations() -> None:
    found = maximise(lambda x: (-(x**2).sum(axis=1), -2.0 * x), np.zeros((2, 3)))
    assert found.iterations == 0
    np.testing.assert_array_equal(found.points, 0.0)


def test_iterations_that_run_out_are_a_warning_that_counts_the_tasks() -> None:
    # The second task rises without end; the first is flat, and done at once.
    def objective(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        rising = np.array([[0.0], [1.0]])
        return (rising * points).sum(axis=1), rising + 0.0 * points

    with pytest.warns(ConvergenceWarning, match=r"1 of 2 tasks did not converge in 7 iterations"):
        found = maximise(objective, np.zeros((2, 1)), iterations=7)
    assert found.residuals.tolist() == [0.0, 1.0]
    assert found.points[0, 0] == 0.0


def test_a_gradient_that_is_not_a_number_counts_as_unfinished() -> None:
    def objective(points: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.zeros(len(points)), np.full(points.shape, np.nan)

    with pytest.warns(ConvergenceWarning, match=r"2 of 2 tasks did not converge .* residual nan"):
        maximise(objective, np.zeros((2, 1)))
