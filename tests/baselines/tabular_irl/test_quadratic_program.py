"""Quadratic programmes: the solution, a missing solver, and no solution."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from smile_bench.baselines.tabular_irl.max_margin import nearest_mixture
from smile_bench.baselines.tabular_irl.quadratic_program import solve_qp
from smile_bench.errors import AgentError


def test_the_nearest_mixture_is_the_nearest_point_of_the_hull() -> None:
    corners = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    outside, inside = np.array([1.0, -3.0]), np.array([1.0, 2.0])
    np.testing.assert_allclose(nearest_mixture(corners, outside), [0.75, 0.25, 0.0], atol=1e-6)
    np.testing.assert_allclose(nearest_mixture(corners, inside), [0.25, 0.25, 0.5], atol=1e-6)


def test_equalities_come_first_and_the_multipliers_are_returned() -> None:
    # min ½ (x² + y²) on x + y = 2 and x ≤ ½: at (½, 1½), with gradient + A'z = 0.
    rows, bounds = np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([2.0, 0.5])
    x, z = solve_qp(np.eye(2), np.zeros(2), rows, bounds, 1)
    np.testing.assert_allclose(x, [0.5, 1.5], atol=1e-6)
    np.testing.assert_allclose(z, [-1.5, 1.0], atol=1e-6)


def test_without_clarabel_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clarabel", None)
    with pytest.raises(AgentError, match=r"smile-bench\[irl\]"):
        nearest_mixture(np.eye(2), np.ones(2))


def test_a_quadratic_programme_without_a_solution_is_an_error_with_the_residual() -> None:
    # x ≤ -1 and -x ≤ -1 at once.
    with pytest.raises(AgentError, match=r"Clarabel ended with .*, residual"):
        solve_qp(np.eye(1), np.zeros(1), np.array([[1.0], [-1.0]]), np.array([-1.0, -1.0]), 0)
