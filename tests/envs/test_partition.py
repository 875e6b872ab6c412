"""Cells of observations: which one each is in, and what a declaration refuses."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smile_bench.envs import all_families, get_family
from smile_bench.envs.partition import Axis, BoxPartition, OneHotPartition, StatePartition
from smile_bench.errors import InputError
from smile_bench.protocol.meta_test import load_meta_test

X = Axis(column=0, low=-1.0, high=1.0, bins=4)
ANGLE = Axis(column=2, low=-np.pi, high=np.pi, bins=8, periodic=True)


def test_boxes_are_numbered_row_by_row_and_have_their_lower_bounds() -> None:
    boxes = BoxPartition(name="x and angle", axes=(X, replace(ANGLE, bins=2)))
    assert (boxes.cells, boxes.width) == (8, 3)
    observations = np.array(
        [[-1.0, 9.0, -3.0], [-1.0, 9.0, 0.0], [-0.5, 9.0, -0.1], [0.99, 9.0, 3.0], [0.0, 9.0, 7.0]]
    )
    assert boxes.cells_of(observations).tolist() == [0, 1, 2, 7, 5]
    np.testing.assert_allclose(boxes.centres[:2], [[-0.75, -np.pi / 2], [-0.75, np.pi / 2]])


@pytest.mark.parametrize("value", [-1.01, 1.0, 50.0, np.nan, np.inf, -np.inf])
def test_what_is_outside_is_in_no_cell(value: float) -> None:
    boxes = BoxPartition(name="x", axes=(X,))
    assert boxes.cells_of(np.array([[value], [0.1]])).tolist() == [-1, 2]


def test_angles_are_wrapped() -> None:
    sectors = BoxPartition(name="angle", axes=(ANGLE,))
    angles = np.linspace(-3.1, 3.1, 22)
    rows = np.zeros((22, 3))
    rows[:, 2] = angles
    expected = sectors.cells_of(rows)
    assert set(expected) == set(range(8))
    for turns in (-3, 1, 2):
        rows[:, 2] = angles + 2 * np.pi * turns
        np.testing.assert_array_equal(sectors.cells_of(rows), expected)


def test_a_radius_leaves_boxes_out() -> None:
    square = tuple(Axis(column=column, low=-3.0, high=3.0, bins=6) for column in (0, 1))
    disc = BoxPartition(name="disc", axes=square, radius=3.0)
    away = np.linalg.norm(disc.centres, axis=1)
    assert disc.cells == len(disc.centres) == (away <= 3.0).sum() == 32
    assert disc.cells_of(disc.centres).tolist() == list(range(32))
    assert disc.cells_of(np.array([[2.9, 2.9]])).tolist() == [-1]


def test_places_are_cells_by_their_order() -> None:
    places = OneHotPartition(name="rooms", places=(1, 3))
    assert (places.cells, places.width) == (2, 4)
    rows = np.eye(4)[[3, 1, 0]]
    assert places.cells_of(np.column_stack((rows, np.ones(3)))).tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    "made",
    [
        lambda: Axis(column=0, low=1.0, high=1.0, bins=3),
        lambda: Axis(column=0, low=0.0, high=1.0, bins=0),
        lambda: Axis(column=-1, low=0.0, high=1.0, bins=1),
        lambda: BoxPartition(name="none", axes=()),
        lambda: BoxPartition(name="far", axes=(replace(X, low=5.0, high=6.0),), radius=1.0),
        lambda: BoxPartition(name="many", axes=(replace(X, bins=1001), replace(X, bins=1000))),
        lambda: OneHotPartition(name="none", places=()),
        lambda: OneHotPartition(name="twice", places=(1, 1)),
        lambda: OneHotPartition(name="falling", places=(2, 1)),
    ],
)
def test_what_is_not_a_partition_is_refused(made: Any) -> None:
    with pytest.raises(InputError, match=r"got|has \d+ boxes"):
        made()


@pytest.mark.parametrize("family", sorted(all_families()))
def test_cells_of_a_family_hold_what_it_observes(family: str) -> None:
    found = get_family(family)
    cells = found.coverage_cells
    if cells is None:
        assert family == "SmileWalkerDynamics-v0"
        return
    assert cells.width <= found.observation_size
    assert len(cells.name) <= 200  # Longer ones could not be read back from a result.
    simulator = found.make_simulator(5, threads=1)
    rng, parameters = np.random.default_rng(0), found.table("train")[:5]
    simulator.set_tasks(parameters)
    simulator.reset(np.stack([simulator.sample_start(rng, row) for row in parameters]))
    for _ in range(5):
        reached = cells.cells_of(simulator.observe())
        assert ((reached >= 0) & (reached < cells.cells)).all()
        simulator.step(found.random_actions(rng, 5))
    now = simulator.observe()
    again: StatePartition = pickle.loads(pickle.dumps(cells))  # noqa: S301 (made here)
    np.testing.assert_array_equal(again.cells_of(now), cells.cells_of(now))


def test_ants_are_in_the_square_of_their_torso() -> None:
    cells = get_family("SmileAntGoal-v0").coverage_cells
    assert isinstance(cells, BoxPartition)
    observation = np.zeros((1, 29))
    observation[0, :2] = [1.3, -0.6]
    (cell,) = cells.cells_of(observation)
    np.testing.assert_allclose(cells.centres[cell], [1.375, -0.625])


VERSIONS = {
    "SmileAntGoal-v0": "v0-fb3a8bef186421e9",
    "SmileAntLinearClassification-v0": "v0-f58f27606703f917",
    "SmileGridGoal-v0": "v0-3d46260f2d56fa79",
    "SmileHalfCheetahVelocity-v0": "v0-0520c9b2b4a18e89",
    "SmileWalkerDynamics-v0": "v0-22abbe08a1a5e1c5",
}
"""Of the protocols, from before families had partitions."""


def test_the_protocol_does_not_depend_on_it() -> None:
    assert {family: load_meta_test(family).version for family in all_families()} == VERSIONS


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        ("squares", "partition='squares'. Give a smile_bench.envs.partition.BoxPartition"),
        (
            BoxPartition(name="x", axes=(replace(X, column=29),)),
            "a partition of 30 observed numbers, but observations have 29. Name columns",
        ),
    ],
)
def test_a_declaration_refuses_a_partition_that_does_not_fit(partition: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(get_family("SmileAntGoal-v0"), partition=partition)
