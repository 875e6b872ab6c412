"""Actions and states that MuJoCo would misread are refused."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.envs.mujoco.checks import require_actions, require_stable
from smile_bench.errors import InputError, SimulationError

FAMILY = get_family("SmileAntGoal-v0")


def test_require_actions_takes_integers_and_floats() -> None:
    for dtype in (np.float32, np.float64, np.int64):
        require_actions(np.zeros((2, 3), dtype), (2, 3))
    with pytest.raises(InputError, match="an array of bool"):
        require_actions(np.zeros((2, 3), np.bool_), (2, 3))


def test_the_places_of_non_finite_actions_are_named() -> None:
    actions = np.zeros((2, 3))
    actions[1, 2] = np.nan
    with pytest.raises(
        InputError, match=r"got \[nan\] at \[\[1, 2\]\]. The environment did not move"
    ):
        require_actions(actions, (2, 3))


@pytest.mark.parametrize("warning", ["mjWARN_BADQPOS", "mjWARN_BADQVEL", "mjWARN_BADQACC"])
def test_unstable_environments_are_named(warning: str) -> None:
    counters = np.zeros((3, len(mujoco.mjtWarning.__members__)), np.int32)
    steps = np.array([4, 5, 6])
    require_stable(FAMILY, counters, steps)
    counters[2, getattr(mujoco.mjtWarning, warning).value] = 1
    with pytest.raises(
        SimulationError, match=r"of SmileAntGoal-v0 became .* environments \[2\] .* steps \[6\]"
    ):
        require_stable(FAMILY, counters, steps)


def test_other_warnings_do_not_matter() -> None:
    counters = np.zeros((1, len(mujoco.mjtWarning.__members__)), np.int32)
    counters[0, mujoco.mjtWarning.mjWARN_CONTACTFULL.value] = 1
    require_stable(FAMILY, counters, np.array([1]))
