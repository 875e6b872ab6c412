"""The batched simulator slips as the rule says, and continues from a snapshot."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs.grid.family import MOVES
from smile_bench.envs.grid.simulator import GridSimulator, slip_noise
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError
from tests.envs.grid.grid_goal import FAMILY, cell


def test_the_simulator_slips_as_the_tensor_says() -> None:
    n, slip, east = 40_000, 0.3, MOVES.index("east")
    simulator = GridSimulator(FAMILY, n)
    parameters = np.tile(FAMILY.table("test")[0], (n, 1))
    parameters[:, 0] = slip
    simulator.set_tasks(parameters)
    here = cell(0, 1)
    simulator.reset(np.stack((np.full(n, here), np.arange(n)), axis=1).astype(np.float64))
    simulator.step(np.eye(5)[np.full(n, east)])
    shares = np.bincount(simulator.cells, minlength=64) / n
    expected = FAMILY.mdp(np.array([slip])).tensor[0, here, east]
    assert np.abs(shares - expected).max() < 4 * np.sqrt(0.25 / n)


def test_noise_is_even_and_uncorrelated() -> None:
    seeds = np.arange(2000, dtype=np.uint64)
    drawn = np.stack([slip_noise(seeds, np.full(2000, t)) for t in range(20)])
    assert abs(drawn.mean() - 0.5) < 0.01
    assert abs(drawn.std() - np.sqrt(1 / 12)) < 0.01
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    correlations = np.corrcoef(drawn) - np.eye(20)
    assert np.abs(correlations).max() < 0.1


def started(n: int = 24) -> GridSimulator:
    simulator = GridSimulator(FAMILY, n)
    tasks = FAMILY.table("test")[:n]
    simulator.set_tasks(tasks)
    simulator.reset(sample_starts(simulator, np.random.default_rng(0), tasks))
    return simulator


def test_a_restored_simulator_continues_with_the_same_numbers() -> None:
    simulator, restored = started(), started()
    rng = np.random.default_rng(1)
    for _ in range(7):
        simulator.step(FAMILY.random_actions(rng, 24))
    snapshot = simulator.snapshot()
    restored.restore(snapshot)
    np.testing.assert_array_equal(restored.snapshot(), snapshot)
    for _ in range(7):
        actions = FAMILY.random_actions(rng, 24)
        expected, given = simulator.step(actions), restored.step(actions)
        np.testing.assert_array_equal(given.rewards, expected.rewards)
        np.testing.assert_array_equal(given.metric_state, expected.metric_state)
        for name, values in expected.info.items():
            np.testing.assert_array_equal(given.info[name], values)
        np.testing.assert_array_equal(restored.observe(), simulator.observe())
    assert restored.steps.tolist() == [14] * 24
    np.testing.assert_array_equal(restored.snapshot(), simulator.snapshot())
    # What was taken is a copy: the simulators have moved on since.
    assert not np.array_equal(snapshot, simulator.snapshot())


def test_a_snapshot_of_other_rows_is_refused_and_nothing_moves() -> None:
    simulator = started()
    before = simulator.snapshot()
    for wrong in (before[:2], before + 0.5):
        with pytest.raises(InputError, match="an initial state of"):
            simulator.restore(wrong)
    np.testing.assert_array_equal(simulator.snapshot(), before)


def test_inactive_environments_keep_their_state() -> None:
    simulator, alone = started(), started()
    active = np.arange(24) % 3 > 0
    actions = FAMILY.random_actions(np.random.default_rng(2), 24)
    before = simulator.snapshot()
    # Rows of inactive environments need not be actions.
    given = simulator.step(np.where(active[:, None], actions, np.nan), active=active)
    expected = alone.step(actions)
    np.testing.assert_array_equal(simulator.snapshot()[~active], before[~active])
    np.testing.assert_array_equal(simulator.snapshot()[active], alone.snapshot()[active])
    np.testing.assert_array_equal(given.rewards[active], expected.rewards[active])


def test_a_cell_set_from_outside_keeps_returns_and_steps() -> None:
    simulator = started()
    start = simulator.state()
    simulator.step(FAMILY.random_actions(np.random.default_rng(3), 24))
    returns = simulator.returns.copy()
    simulator.set_state(start)
    np.testing.assert_array_equal(simulator.state(), start)
    np.testing.assert_array_equal(simulator.returns, returns)
    assert simulator.steps.tolist() == [1] * 24
    for wrong in (start[:2], np.full_like(start, cell(2, 2))):  # Cell (2, 2) is a wall.
        with pytest.raises(InputError, match=r"are free cells \(24, 1\), got shape"):
            simulator.set_state(wrong)


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="num_envs must be at least 1, got 0"):
        GridSimulator(FAMILY, 0)
    with pytest.raises(InputError, match="threads must be at least 1 or None for all, got 0"):
        GridSimulator(FAMILY, 1, threads=0)
    simulator = started()
    with pytest.raises(InputError, match=r"task parameters must have shape \(24, 8\), got"):
        simulator.set_tasks(np.zeros((2, 8)))
    before = simulator.snapshot()
    with pytest.raises(InputError, match=r"one-hot rows \(24, 5\), got shape \(24,\)"):
        simulator.step(np.zeros(24))
    with pytest.raises(InputError, match="one-hot rows: 1 for the chosen move"):
        simulator.step(np.full((24, 5), 0.2))
    np.testing.assert_array_equal(simulator.snapshot(), before)
