"""Checks of a control step, which the scalar and the batched environments share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import IntArray
from smile_bench.envs.family import Family
from smile_bench.envs.mujoco.library import mujoco
from smile_bench.errors import InputError, SimulationError

__all__ = ["require_actions", "require_stable"]

# MuJoCo counts these when it meets a non-finite number. It then resets or ignores it silently.
_FIRST_WARNING = mujoco.mjtWarning.mjWARN_BADQPOS.value
_LAST_WARNING = mujoco.mjtWarning.mjWARN_BADCTRL.value
UNSTABLE_WARNINGS = slice(_FIRST_WARNING, _LAST_WARNING + 1)


def require_actions(actions: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuse actions that MuJoCo would misread: it silently takes a NaN for zero.

    Args:
        actions: what was given.
        shape: the shape they must have.

    Raises:
        InputError: another shape or type, or a non-finite number.
    """
    if actions.shape != shape or actions.dtype.kind not in "fiu":
        raise InputError(
            f"actions must be numbers in [-1, 1] of shape {shape}, got an array of "
            f"{actions.dtype} of shape {actions.shape}."
        )
    finite = np.isfinite(actions)
    if not finite.all():
        where = np.argwhere(~finite)[:5].tolist()
        raise InputError(
            f"actions must be finite numbers in [-1, 1], got {actions[~finite][:5].tolist()} at "
            f"{where}. The environment did not move: check what computed the actions."
        )


def require_stable(family: Family, warnings: NDArray[np.int32], steps: IntArray) -> None:
    """Raise if MuJoCo met a non-finite number.

    Args:
        family: what is simulated.
        warnings: MuJoCo's warning counters (N, warning kinds).
        steps: control steps taken in each episode (N,).

    Raises:
        SimulationError: naming the environments and the step.
    """
    bad = warnings[:, UNSTABLE_WARNINGS]
    if bad.any():
        slots = np.flatnonzero(bad.any(axis=1)).tolist()
        raise SimulationError(
            f"the simulation of {family.id} became unstable (a non-finite or huge state) in "
            f"environments {slots} at control steps {steps[slots].tolist()}. Reset them to "
            "continue; if it happens again, report the tasks, the initial states and the actions."
        )
