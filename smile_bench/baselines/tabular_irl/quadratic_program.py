"""Convex quadratic programmes, solved by Clarabel."""

from __future__ import annotations

from typing import Any

import numpy as np

from smile_bench.arrays import FloatArray
from smile_bench.errors import AgentError

__all__ = ["solve_qp"]

ACCURACY = 1e-6
"""The largest residual (primal, dual, or relative duality gap) accepted of a solution."""


def solve_qp(
    quadratic: FloatArray,
    linear: FloatArray,
    constraints: FloatArray,
    bounds: FloatArray,
    equalities: int,
) -> tuple[FloatArray, FloatArray]:
    """Minimise ½ x'Px + q'x subject to Ax ≤ b, with equality in the first rows.

    Args:
        quadratic: P, (n, n), positive semidefinite.
        linear: q, (n,).
        constraints: A, (m, n).
        bounds: b, (m,).
        equalities: how many of the first rows hold with equality.

    Returns:
        x, (n,), and the multipliers of the rows, (m,).

    Raises:
        AgentError: Clarabel is not installed, or its solution is not accurate enough.
    """
    try:
        import clarabel
        from scipy import sparse
    except ModuleNotFoundError as error:
        raise AgentError(
            "feature matching and max-margin IRL need Clarabel for their quadratic programmes: "
            "install it with `pip install 'smile-bench[irl]'`."
        ) from error
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    # Clarabel's scaling of rows and columns can keep a small degenerate programme from converging.
    settings.equilibrate_enable = False
    cones: list[Any] = [clarabel.ZeroConeT(equalities)] if equalities else []
    cones.append(clarabel.NonnegativeConeT(len(bounds) - equalities))
    upper = sparse.csc_matrix(np.triu(quadratic))
    rows = sparse.csc_matrix(constraints)
    solution = clarabel.DefaultSolver(upper, linear, rows, bounds, cones, settings).solve()
    gap = abs(solution.obj_val - solution.obj_val_dual) / max(1.0, abs(solution.obj_val))
    residual = max(solution.r_prim, solution.r_dual, gap)
    # Some degenerate programmes never reach Clarabel's own tolerance, so the residual decides.
    if not residual < ACCURACY:
        raise AgentError(
            f"Clarabel ended with {solution.status}, residual {residual:.3g}, and {ACCURACY:g} is "
            "required. Check that the constraints can be met and that the feature expectations "
            "are finite and not huge."
        )
    return np.array(solution.x), np.array(solution.z)
