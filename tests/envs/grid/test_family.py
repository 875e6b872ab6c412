"""The rules of the grid: moves, slips and what an observation tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smile_bench.envs.grid.family import MOVES
from smile_bench.envs.grid.simulator import GridSimulator
from smile_bench.errors import InputError
from tests.envs.grid.grid_goal import FAMILY, cell


def test_moves_stop_at_walls_and_borders() -> None:
    moves = dict(zip(MOVES, FAMILY.moves.T, strict=True))
    assert moves["north"][cell(0, 3)] == cell(0, 3)
    assert moves["west"][cell(3, 3)] == cell(3, 3)  # (3, 2) is a wall.
    assert moves["east"][cell(3, 3)] == cell(3, 4)
    assert moves["south"][cell(0, 0)] == cell(1, 0)
    # No move leads into a wall.
    assert np.isin(FAMILY.moves[FAMILY.free], FAMILY.free).all()


def test_transitions_are_the_rule_of_slips() -> None:
    tensor = FAMILY.mdp(np.array([0.25])).tensor[0]
    here = cell(0, 0)
    # East: 0.75 + 0.05; south 0.05; stay, and north and west into the border, 0.15.
    east = MOVES.index("east")
    assert tensor[here, east, cell(0, 1)] == pytest.approx(0.8)
    assert tensor[here, east, cell(1, 0)] == pytest.approx(0.05)
    assert tensor[here, east, here] == pytest.approx(0.15)


def test_observations_show_cell_and_time_and_no_task() -> None:
    simulator = GridSimulator(FAMILY, 24)
    simulator.set_tasks(FAMILY.table("test"))
    simulator.reset(np.tile([float(cell(2, 0)), 3.0], (24, 1)))
    observations = simulator.observe()
    np.testing.assert_array_equal(observations, np.tile(observations[0], (24, 1)))
    cells, times = FAMILY.decode(observations)
    assert cells.tolist() == [cell(2, 0)] * 24
    assert times.tolist() == [0] * 24


def test_slips_are_probabilities() -> None:
    for slip in (-0.1, 1.5, np.nan):
        with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
            FAMILY.mdp(np.array([slip]))


def test_decode_takes_back_what_the_simulator_shows() -> None:
    simulator = GridSimulator(FAMILY, len(FAMILY.free))
    simulator.set_tasks(np.tile(FAMILY.table("test")[0], (len(FAMILY.free), 1)))
    simulator.reset(np.stack((FAMILY.free, np.arange(len(FAMILY.free))), axis=1).astype(float))
    stay = np.tile(np.eye(5)[0], (len(FAMILY.free), 1))
    for time in range(FAMILY.horizon):
        cells, times = FAMILY.decode(simulator.observe())
        np.testing.assert_array_equal(cells, simulator.cells)
        np.testing.assert_array_equal(times, time)
        simulator.step(stay)


@pytest.mark.parametrize("change", [(0, 0.5), (-1, 0.02), (-1, 1.05), (-1, -0.05)])
def test_observations_of_another_family_are_refused(change: tuple[int, float]) -> None:
    observation = np.zeros(FAMILY.observation_size)
    observation[cell(0, 0)] = 1.0
    assert [int(part) for part in FAMILY.decode(observation)] == [0, 0]
    observation[change[0]] = change[1]
    with pytest.raises(InputError, match="is not one of SmileGridGoal-v0"):
        FAMILY.decode(observation)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": ()}, "must be rows of one length with the cells"),
        ({"layout": ("ab", "a")}, r"got \('ab', 'a'\)"),
        ({"layout": ("aZ",)}, r"\['#', '\.', 'a', .*got \('aZ',\)"),
        ({"layout": ("##", "##")}, "has only walls: leave some cells free"),
        ({"kinds": "abcdew"}, "cells"),
        ({"kinds": "abcdewmn"}, "give different kinds and 9 parameter_names"),
        ({"kinds": "abcdewmm"}, "give different kinds"),
    ],
)
def test_bad_declarations(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(FAMILY, **change)
