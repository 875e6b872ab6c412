from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smile_bench import load_dataset
from smile_bench.datasets import Dataset
from smile_bench.datasets.build import BuildConfig, build_dataset
from smile_bench.datasets.loading import shipped_families
from smile_bench.datasets.verify import verify_dataset
from smile_bench.envs import get_family

FAMILY, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"


@pytest.fixture(scope="module")
def subsampled(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path: Path = tmp_path_factory.mktemp("verify") / "ant.h5"
    return build_dataset(BuildConfig(family=FAMILY, demonstrations=1, subsample=20), path)


def failures(dataset: Dataset) -> list[str]:
    return [check.name for check in verify_dataset(dataset) if not check.passed]


def changed(dataset: Dataset, split: str, **arrays: object) -> Dataset:
    part = replace(dataset.split(split), **arrays)  # type: ignore[arg-type]
    return replace(dataset, splits={**dataset.splits, split: part})


@pytest.mark.slow
@pytest.mark.parametrize("family", shipped_families())
def test_what_ships_verifies(family: str) -> None:
    assert failures(load_dataset(family)) == []


@pytest.mark.slow
def test_a_subsampled_dataset_replays_from_its_replay_actions(subsampled: Dataset) -> None:
    assert subsampled.train.replay_actions is not None
    assert subsampled.train.replay_actions.shape == (32, 100, 8)
    assert failures(subsampled) == []


@pytest.mark.slow
def test_an_observation_that_does_not_follow_from_the_actions_is_found(
    subsampled: Dataset,
) -> None:
    # A task whose first kept transition is early: other machines compare few steps only.
    task = int(subsampled.train.timesteps[:, 0, 0].argmin())
    observations = subsampled.train.observations.copy()
    observations[task, 0, 0, 5] += 0.01
    assert failures(changed(subsampled, "train", observations=observations)) == ["replay train"]


@pytest.mark.slow
def test_an_altered_action_is_found() -> None:
    dataset = load_dataset(FAMILY)
    actions = dataset.validation.actions.copy()
    actions[2, 0, 1] *= -1.0
    assert failures(changed(dataset, "validation", actions=actions)) == ["replay validation"]


@pytest.mark.slow
def test_tasks_of_another_split_are_found() -> None:
    dataset = load_dataset(FAMILY)
    parameters = dataset.test.task_parameters.copy()
    parameters[0] = get_family(FAMILY).table("train")[0]
    found = failures(changed(dataset, "test", task_parameters=parameters))
    assert found == ["task tables", "splits"]


def test_actions_out_of_range_are_found() -> None:
    dataset = load_dataset(GRID)
    actions = dataset.train.actions.copy()
    # Not of a first demonstration, so that no replay shows it.
    actions[0, 5, 3, 2] = 1.5
    assert failures(changed(dataset, "train", actions=actions)) == ["actions"]


def test_another_expert_is_found() -> None:
    dataset = load_dataset(GRID)
    attributes = {**dataset.attributes, "expert_sha256": "0" * 64}
    assert failures(replace(dataset, attributes=attributes)) == ["provenance"]


def test_a_replay_elsewhere_has_a_tolerance() -> None:
    dataset = load_dataset(FAMILY)
    attributes = {**dataset.attributes, "machine": "another"}
    made_elsewhere = replace(dataset, attributes=attributes)
    assert failures(made_elsewhere) == []
    observations = made_elsewhere.test.observations.copy()
    observations[0, 0, 1, 3] += 0.01
    broken = changed(made_elsewhere, "test", observations=observations)
    assert failures(broken) == ["replay test"]
