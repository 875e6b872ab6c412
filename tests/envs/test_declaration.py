"""A declaration that lacks a part, or whose parts do not fit, is refused with its fix."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from smile_bench.envs import DatasetRecipe, Family, MujocoFamily, all_families
from smile_bench.envs.declaration import require_metrics
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError
from tests.helpers.outside_family import ID, RingGoal, make_family, registered

FAMILY = make_family()
TASKS = dict(FAMILY.tasks)
RECIPE = FAMILY.dataset_recipe


def without(split: str) -> dict[str, Any]:
    return {name: table for name, table in TASKS.items() if name != split}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "RingGoal"}, r"got 'RingGoal'.*end with a version: 'MyAntGoal-v0'"),
        ({"id": "../RingGoal-v0"}, r"got '\.\./RingGoal-v0'"),
        ({"id": "lab/RingGoal-v0"}, "Use letters, digits"),
        ({"id": 3}, "got 3"),
        ({"parameter_names": ()}, "has no parameter_names. Give at least one"),
        ({"parameter_names": ("x", "x")}, "two parameter_names called 'x'. Rename"),
        ({"metrics": ()}, "RingGoal-v0 has no metrics. Give at least one"),
        ({"metrics": FAMILY.metrics[:1] * 2}, "two metrics called 'min_distance'"),
        ({"horizon": 0}, "has horizon=0. Give a whole number, at least 1"),
        ({"horizon": 2.5}, r"has horizon=2\.5"),
        ({"evaluation_episodes": 0}, "has evaluation_episodes=0"),
        ({"context_sizes": ()}, r"context_sizes=\(\) and 4 demonstrations.*at least one size"),
        ({"context_sizes": (0, 1)}, r"context_sizes=\(0, 1\)"),
        ({"context_sizes": (2, 1)}, "in rising order"),
        ({"context_sizes": (1, 5)}, r"context_sizes=\(1, 5\) and 4 demonstrations"),
        ({"context_sizes": (1.5,)}, r"context_sizes=\(1\.5,\)"),
        ({"tasks": without("validation")}, r"splits \['test', 'train'\]\. Give one table for"),
        ({"tasks": {**TASKS, "dev": TASKS["test"]}}, r"\['dev', 'test', 'train', 'validation'\]"),
        ({"tasks": {**TASKS, "test": TASKS["test"][:, :1]}}, r"shape \(4, 1\).* tasks, 2\)"),
        ({"tasks": {**TASKS, "test": np.zeros((0, 2))}}, r"test tasks of float64 and shape \(0, 2"),
        ({"tasks": {**TASKS, "train": np.zeros(2)}}, r"train tasks of float64 and shape \(2,\)"),
        ({"tasks": {**TASKS, "train": [["a", "b"]]}}, "not all finite numbers"),
        ({"tasks": {**TASKS, "train": [[0.0, np.nan]]}}, "not all finite numbers"),
        (
            {"tasks": {**TASKS, "validation": TASKS["train"][4:5]}},
            r"train task 4 and validation task 0 are both \(-0\.5, -0\.8.*Keep it in one",
        ),
        ({"tasks": {**TASKS, "train": [[3.0, 4.0]] * 2}}, "train task 0 and train task 1 are"),
        ({"tasks": {**TASKS, "test": [[3.0, 4.0]]}}, "has one test task. Give at least two"),
    ],
)
def test_bad_parts(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(FAMILY, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"demonstrations": 0}, "dataset of 'ring-goal' has demonstrations=0"),
        ({"subsample": 0}, "has subsample=0. Give a whole number"),
        ({"noise": -0.1}, r"finite and at least 0, got -0\.1"),
        ({"noise": float("nan")}, "got nan"),
    ],
)
def test_bad_recipes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(RECIPE, **change)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(TypeError, match="subsample"):
        DatasetRecipe(expert="ring-goal", demonstrations=1)  # type: ignore[call-arg]


def test_tables_are_copied_and_read_only() -> None:
    tables: Any = {split: table.astype(np.float32) for split, table in TASKS.items()}
    family = replace(FAMILY, tasks=tables)
    for split, given in tables.items():
        assert given.flags.writeable
        assert family.tasks[split].dtype == np.float64
        np.testing.assert_array_equal(family.tasks[split], given)
        with pytest.raises(ValueError, match="read-only"):
            family.tasks[split][0, 0] = 7.0


def test_tables_may_be_lists() -> None:
    tables: Any = {"train": [[0, 1]], "validation": [[1, 0]], "test": [[1, 1], [2, 2]]}
    family = replace(FAMILY, tasks=tables)
    np.testing.assert_array_equal(family.table("test"), [[1.0, 1.0], [2.0, 2.0]], strict=True)


def test_families_that_ship_keep_no_files_elsewhere() -> None:
    assert {family.data for family in all_families().values()} == {None}
    assert make_family(Path("here")).data == Path("here")


def test_a_missing_entry_point_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(MujocoFamily, "renderer_entry_point")
    with pytest.raises(
        InputError,
        match=r"has no renderer_entry_point. Set renderer_entry_point = 'package.* in RingGoal",
    ):
        make_family()


class Forgetful(RingGoal):
    """Declares a metric that it does not compute."""

    def reward_and_info(self, step: Any) -> Any:
        result = super().reward_and_info(step)
        del result.info["final_distance"]
        return result


def forgetful() -> Family:
    return Forgetful(**{field.name: getattr(FAMILY, field.name) for field in fields(FAMILY)})


def test_a_metric_that_no_step_computes_is_named_by_scalar_and_batched_environments() -> None:
    message = rf"{ID} has the metric 'final_distance', but its steps give only \['dist.*Compute"
    with registered(forgetful()) as family:
        env = gym.make(ID)
        env.reset(seed=0)
        with pytest.raises(InputError, match=message):
            env.step(env.action_space.sample())
        simulator = family.make_simulator(1)
        simulator.set_tasks(family.tasks["test"][:1])
        rng = np.random.default_rng(0)
        simulator.reset(sample_starts(simulator, rng, family.tasks["test"][:1]))
        with pytest.raises(InputError, match=message):
            simulator.step(np.zeros((1, 8)))


def test_require_metrics_takes_more_than_the_metrics() -> None:
    info = {"x_position": np.zeros(1), "min_distance": np.zeros(1), "final_distance": np.zeros(1)}
    require_metrics(ID, FAMILY.metrics, info)
