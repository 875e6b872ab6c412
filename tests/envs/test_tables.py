"""The task tables are what the paper and the declarations say."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import smile_bench.envs.tables
from smile_bench import get_family
from smile_bench.envs import SPLITS, Family
from smile_bench.envs.tables import load_table

COUNTS = {
    "SmileHalfCheetahVelocity-v0": (31, 10, 30),
    "SmileAntGoal-v0": (32, 8, 16),
    "SmileWalkerDynamics-v0": (50, 10, 25),
    "SmileAntLinearClassification-v0": (64, 16, 32),
    "SmileGridGoal-v0": (64, 16, 24),
}


def test_counts(family: Family) -> None:
    assert tuple(len(family.tasks[split]) for split in SPLITS) == COUNTS[family.id]
    for split in SPLITS:
        assert family.tasks[split].shape[1] == len(family.parameter_names)


def test_no_task_stands_in_two_splits_or_twice_in_one(family: Family) -> None:
    rows = np.concatenate([family.tasks[split] for split in SPLITS])
    for one, other in itertools.combinations(rows, 2):
        assert np.abs(one - other).max() > 1e-3


def test_tables_are_read_only(family: Family) -> None:
    with pytest.raises(ValueError, match="read-only"):
        family.tasks["test"][0, 0] = 7.0


def test_half_cheetah_velocities() -> None:
    tasks = get_family("SmileHalfCheetahVelocity-v0").tasks
    assert tasks["train"][:, 0].tolist() == [float(f"{n // 10}.{n % 10}") for n in range(31)]
    assert tasks["test"][:, 0].tolist() == [float(f"{n / 100:.2f}") for n in range(5, 300, 10)]
    assert np.all((tasks["validation"] > 0.0) & (tasks["validation"] < 3.0))


def test_ant_goals() -> None:
    tasks = get_family("SmileAntGoal-v0").tasks
    n = np.arange(32)
    train = 2 * np.exp(1j * n * np.pi / 16)
    test = 2 * np.exp(1j * (2 * n[:16] * np.pi / 16 + np.pi / 32))
    for split, goals in (("train", train), ("test", test)):
        np.testing.assert_allclose(tasks[split] @ [1.0, 1.0j], goals, atol=1e-11)
    np.testing.assert_allclose(np.linalg.norm(tasks["validation"], axis=1), 2.0, atol=1e-11)


def test_walker_multipliers() -> None:
    family = get_family("SmileWalkerDynamics-v0")
    damping = [name.startswith("damping") for name in family.parameter_names]
    assert sum(damping) == 9
    exponents = np.concatenate([family.tasks[split] for split in SPLITS])
    exponents = np.log(exponents) / np.log(np.where(damping, 1.3, 1.5))
    assert np.all(np.abs(exponents) <= 3.0)
    # Uniform on [-3, 3] and independent: 85 × 65 draws.
    assert abs(exponents.mean()) < 0.1
    assert abs(exponents.std() - np.sqrt(3.0)) < 0.05
    correlation = np.corrcoef(exponents.T) - np.eye(exponents.shape[1])
    assert np.abs(correlation).max() < 0.5


def test_classification_normals() -> None:
    tasks = get_family("SmileAntLinearClassification-v0").tasks
    normals = np.concatenate([tasks[split] for split in SPLITS])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-12)
    assert np.abs(normals.mean(axis=0)).max() < 0.2


def test_committed_tables_are_as_drawn() -> None:
    tool = Path(__file__).parents[2] / "tools" / "draw_task_tables.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("as drawn") == 3


def test_load_table_gives_float_arrays() -> None:
    table = load_table("walker_dynamics")
    assert {array.dtype for array in table.values()} == {np.dtype(np.float64)}


def test_grid_tasks() -> None:
    tasks = np.concatenate(list(get_family("SmileGridGoal-v0").tasks.values()))
    slips, places, ground = tasks[:, 0], tasks[:, 1:6], tasks[:, 6:]
    assert ((slips >= 0.0) & (slips <= 0.3)).all()
    assert (((places >= 3.0) & (places <= 5.0)).sum(axis=1) == 1).all()
    assert ((np.sort(places)[:, :4] >= -2.0) & (np.sort(places)[:, :4] <= 1.0)).all()
    assert ((ground >= -4.0) & (ground <= 0.0)).all()
    # Every place is the goal of some meta-test task.
    assert len(set(tasks[-24:, 1:6].argmax(axis=1).tolist())) == 5


@pytest.mark.slow
@pytest.mark.parametrize("content", ["{", "[1]", "null", '{"test": [[1.0], [1.0, 2.0]]}', None])
def test_a_damaged_table_concerns_its_family_alone(tmp_path: Path, content: str | None) -> None:
    """Importing the package and using the other families works; the family's own tasks do not."""
    for name in ("walker_dynamics", "ant_linear_classification"):
        shipped = Path(smile_bench.envs.tables.__file__).parent / f"{name}.json"
        (tmp_path / shipped.name).write_bytes(shipped.read_bytes())
    if content is not None:
        (tmp_path / "grid_goal.json").write_text(content)
    code = f"""
import importlib.resources, pathlib
files = importlib.resources.files
importlib.resources.files = lambda name: (
    pathlib.Path({str(tmp_path)!r}) if name == "smile_bench.envs.tables" else files(name)
)
import gymnasium, smile_bench
print(list(smile_bench.all_families()))
gymnasium.make("SmileWalkerDynamics-v0").reset(seed=0)
for call in (
    lambda: gymnasium.make("SmileGridGoal-v0"),
    lambda: gymnasium.make_vec("SmileGridGoal-v0", num_envs=64),
    lambda: smile_bench.get_family("SmileGridGoal-v0").task("test", 0),
):
    try: call()
    except smile_bench.errors.ProtocolError as error: print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ids, *errors = done.stdout.splitlines()
    assert "SmileGridGoal-v0" in ids
    assert len(errors) == 3
    for error in errors:
        assert re.search(r"cannot read the task table .*grid_goal\.json", error)
