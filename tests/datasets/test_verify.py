from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smile_bench import load_dataset
from smile_bench.datasets import Dataset
from smile_bench.datasets.build import BuildConfig, build_dataset
from smile_bench.datasets.loading import shipped_families
from smile_bench.datasets.replay import guided_deviations, outside
from smile_bench.datasets.verify import CONSISTENT, made_here, verify_dataset
from smile_bench.envs import get_family, get_mujoco_family
from smile_bench.provenance import version_of

FAMILY, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"
WALKER = "SmileWalkerDynamics-v0"
CLAIMS: tuple[dict[str, object], ...] = (
    {"versions": {"mujoco": "3.17.0", "numpy": "2.0.0", "gymnasium": "1.2.0"}},
    {"versions": {"mujoco": version_of("mujoco")}},
    {"versions": {"mujoco": "99.0"}, "machine": "another"},
)
"""What a file may state of where it was made."""


@pytest.fixture(scope="module")
def subsampled(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path: Path = tmp_path_factory.mktemp("verify") / "ant.h5"
    return build_dataset(BuildConfig(family=FAMILY, demonstrations=1, subsample=20), path)


def failures(dataset: Dataset) -> list[str]:
    return [check.name for check in verify_dataset(dataset) if not check.passed]


def changed(dataset: Dataset, split: str, **arrays: object) -> Dataset:
    part = replace(dataset.split(split), **arrays)  # type: ignore[arg-type]
    return replace(dataset, splits={**dataset.splits, split: part})


def inexact() -> list[str]:
    """What fails here of a shipped dataset of a MuJoCo family."""
    return [] if made_here(load_dataset(FAMILY)) else ["exact"]


@pytest.mark.slow
@pytest.mark.parametrize("family", shipped_families())
def test_what_ships_verifies(family: str) -> None:
    assert failures(load_dataset(family)) == ([] if family == GRID else inexact())


@pytest.mark.slow
def test_a_subsampled_dataset_replays_from_its_replay_actions(subsampled: Dataset) -> None:
    assert subsampled.train.replay_actions is not None
    assert subsampled.train.replay_actions.shape == (32, 100, 8)
    assert failures(subsampled) == []


@pytest.mark.slow
def test_an_observation_that_does_not_follow_from_the_actions_is_found(
    subsampled: Dataset,
) -> None:
    observations = subsampled.train.observations.copy()
    observations[4, 0, 2, 5] += 0.1
    found = failures(changed(subsampled, "train", observations=observations))
    assert found == ["replay train", "exact"]


@pytest.mark.slow
def test_an_altered_action_is_found() -> None:
    dataset = load_dataset(FAMILY)
    actions = dataset.validation.actions.copy()
    actions[2, 0, 1] *= -1.0
    assert failures(changed(dataset, "validation", actions=actions)) == [
        "replay validation",
        "exact",
    ]


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "by", "failed"),
    [
        (0, 0.0, []),  # As it was.
        (2, 0.01, ["exact"]),  # As far as versions may differ.
        (0, 0.3, ["replay test", "exact"]),  # A torso that is put 30 cm elsewhere.
        (20, 5.0, ["replay test", "exact"]),  # A velocity.
    ],
)
def test_what_a_file_claims_of_its_version_makes_no_check_easier(
    column: int, by: float, failed: list[str]
) -> None:
    dataset = load_dataset(FAMILY)
    observations = dataset.test.observations.copy()
    observations[3, 0, 40, column] += by
    forged = changed(dataset, "test", observations=observations)
    checks = list(verify_dataset(forged))
    assert [check.name for check in checks if not check.passed] == (failed or inexact())
    for claim in CLAIMS:
        claimed = list(verify_dataset(replace(forged, attributes={**forged.attributes, **claim})))
        assert [check[:2] for check in claimed] == [check[:2] for check in checks]
        exact = next(check for check in claimed if check.name == "exact")
        assert (CONSISTENT in exact.detail) == (not exact.passed)


@pytest.mark.slow
def test_many_small_steps_do_not_pass_for_another_version() -> None:
    # Each stretch is within its bound; together they carry an ant 2 m.
    family, part = get_mujoco_family(FAMILY), load_dataset(FAMILY).test
    drift = np.zeros(part.observations.shape[2], np.float32)
    drift[:] = 0.02
    observations = part.observations.copy()
    observations[3, 0, :, 0] += drift.cumsum()
    following = part.next_observations.copy()
    following[3, 0, :, 0] += drift.cumsum() + 0.02
    moved = replace(part, observations=observations, next_observations=following)
    apart = guided_deviations(family, moved, np.arange(part.tasks))["positions (m, rad)"]
    assert apart.max() < 0.03
    assert outside("positions (m, rad)", apart)[0]


@pytest.mark.slow
def test_a_guided_replay_keeps_velocities_beyond_what_is_observed() -> None:
    # Four of ten observations of the walker have a velocity at the limit of ±10.
    part = load_dataset(WALKER).validation
    assert (np.abs(part.observations[:, 0]) >= 10.0).any()
    found = guided_deviations(get_mujoco_family(WALKER), part, np.arange(part.tasks))
    assert {name: outside(name, apart)[0] for name, apart in found.items()} == dict.fromkeys(
        found, False
    )
    assert found["velocities (m/s, rad/s)"].max() < 0.1


@pytest.mark.slow
def test_what_cannot_be_replayed_is_a_failed_check() -> None:
    dataset = load_dataset(FAMILY)
    starts = dataset.validation.initial_states.copy()
    starts[0, 0, 20] = 1e300
    found = failures(changed(dataset, "validation", initial_states=starts))
    assert found == ["replay validation", "exact"]


def test_a_grid_must_be_met_to_the_last_bit() -> None:
    dataset = load_dataset(GRID)
    observations = dataset.test.observations.copy()
    observations[0, 0, 3] = np.roll(observations[0, 0, 3], 1)
    assert failures(changed(dataset, "test", observations=observations)) == ["replay test", "exact"]
