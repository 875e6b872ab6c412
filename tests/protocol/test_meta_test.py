from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from smile_bench.datasets import load_dataset
from smile_bench.envs import all_families, get_family, get_mujoco_family
from smile_bench.envs.mujoco.simulator import Simulator
from smile_bench.errors import ProtocolError
from smile_bench.protocol.meta_test import (
    load_meta_test,
    protocol_folder,
    read_meta_test,
    sample_meta_test,
    write_meta_test,
)

FAMILY = "SmileAntGoal-v0"
VERSIONS = {
    "SmileAntGoal-v0": "v0-fb3a8bef186421e9",
    "SmileAntLinearClassification-v0": "v0-f58f27606703f917",
    "SmileGridGoal-v0": "v0-3d46260f2d56fa79",
    "SmileHalfCheetahVelocity-v0": "v0-0520c9b2b4a18e89",
    "SmileWalkerDynamics-v0": "v0-22abbe08a1a5e1c5",
}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The frozen files in a folder that a test may damage."""
    for path in protocol_folder().iterdir():
        shutil.copy(path, tmp_path / path.name)
    return tmp_path


def test_every_frozen_family_is_published() -> None:
    assert sorted(path.stem for path in protocol_folder().glob("*.json")) == sorted(VERSIONS)


@pytest.mark.parametrize("family", VERSIONS)
def test_the_frozen_set_is_the_published_one(family: str) -> None:
    # If this fails, scores are no longer comparable: a new protocol version is needed.
    assert load_meta_test(family).version == VERSIONS[family]


@pytest.mark.parametrize("family", VERSIONS)
def test_it_belongs_to_the_shipped_dataset(family: str) -> None:
    assert load_meta_test(family).dataset == load_dataset(family).digest()


@pytest.mark.parametrize("name", all_families())
def test_sampled_sets_cover_tasks_shots_and_mismatched_tasks_evenly(name: str) -> None:
    family = get_family(name)
    number, each = len(family.table("test")), family.evaluation_episodes
    rng = np.random.default_rng(0)
    states = rng.standard_normal((number * each, family.state_size))
    sampled = sample_meta_test(family, states, "digest", rng)
    assert (np.bincount(sampled.tasks) == each).all()
    assert (sampled.mismatched_tasks != sampled.tasks).all()
    assert sampled.mismatched_tasks.min() >= 0
    assert sampled.mismatched_tasks.max() < number
    for task in range(number):
        mine = sampled.tasks == task
        assert len(np.unique(sampled.mismatched_tasks[mine])) == min(each, number - 1)
        counts = np.bincount(sampled.shots[mine])[list(family.context_sizes)]
        assert counts.max() - counts.min() <= 1
    # Mismatched tasks are not just neighbours: every distance between the two comes up.
    assert len(np.unique((sampled.mismatched_tasks - sampled.tasks) % number)) == number - 1
    for row in sampled.demonstrations:
        assert len(set(row)) == len(row) == max(family.context_sizes)
    assert sampled.demonstrations.max() < family.dataset_recipe.demonstrations


@pytest.mark.parametrize("array", ["tasks", "others", "demonstrations", "shots", "initial_states"])
def test_every_altered_array_is_noticed(copied: Path, array: str) -> None:
    path = copied / f"{FAMILY}.safetensors"
    tensors = load_file(path)
    tensors[array] = tensors[array].copy()
    tensors[array].flat[3] += 1
    dataset = load_meta_test(FAMILY).dataset
    save_file(tensors, path, {"family": FAMILY, "dataset": dataset})
    with pytest.raises(ProtocolError, match="was changed"):
        read_meta_test(FAMILY, copied)


@pytest.mark.parametrize("reference", ["expert", "blind"])
def test_an_altered_reference_is_noticed(copied: Path, reference: str) -> None:
    path = copied / f"{FAMILY}.json"
    document = json.loads(path.read_text())
    document["references"][reference]["min_distance"][4] += 0.5
    path.write_text(json.dumps(document))
    with pytest.raises(ProtocolError, match="was changed"):
        read_meta_test(FAMILY, copied)


def test_the_frozen_set_cannot_be_written_to() -> None:
    meta_test = load_meta_test(FAMILY)
    arrays = [*meta_test.arrays().values(), *meta_test.references.blind.values()]
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("family", VERSIONS)
def test_what_was_read_is_written_again(family: str, tmp_path: Path) -> None:
    write_meta_test(tmp_path, load_meta_test(family))
    document = f"{family}.json"
    assert (tmp_path / document).read_bytes() == (protocol_folder() / document).read_bytes()
    again = read_meta_test(family, tmp_path)
    assert (again.version, again.dataset) == (VERSIONS[family], load_meta_test(family).dataset)


def test_the_former_name_of_mismatched_tasks_warns() -> None:
    meta_test = load_meta_test(FAMILY)
    with pytest.warns(DeprecationWarning, match="now MetaTest.mismatched_tasks"):
        assert meta_test.others is meta_test.mismatched_tasks


def test_truncated_files_are_one_clear_error(copied: Path) -> None:
    path = copied / f"{FAMILY}.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ProtocolError, match=r"damaged.*Install smile-bench again"):
        read_meta_test(FAMILY, copied)


def test_files_that_lack_something_are_one_clear_error(copied: Path) -> None:
    path = copied / f"{FAMILY}.safetensors"
    tensors = load_file(path)
    save_file(tensors, path, {"family": FAMILY})
    with pytest.raises(ProtocolError, match="states no 'dataset'"):
        read_meta_test(FAMILY, copied)
    save_file(tensors | {"more": np.zeros(3)}, path, {"family": FAMILY, "dataset": "digest"})
    with pytest.raises(ProtocolError, match=r"damaged.*'more'"):
        read_meta_test(FAMILY, copied)
    del tensors["shots"]
    save_file(tensors, path, {"family": FAMILY, "dataset": "digest"})
    with pytest.raises(ProtocolError, match="damaged"):
        read_meta_test(FAMILY, copied)
    for document in ("{}", "[]", "", '{"references": 3}'):
        (copied / f"{FAMILY}.json").write_text(document)
        with pytest.raises(ProtocolError, match="damaged"):
            read_meta_test(FAMILY, copied)


def test_files_of_another_family_are_refused(copied: Path) -> None:
    path = copied / f"{FAMILY}.json"
    content = path.read_text()
    path.write_text(content.replace(FAMILY, "Smi|eAntGoal-v0", 1))
    with pytest.raises(ProtocolError, match=r"say that they are of Smile.* and Smi\|eAntGoal-v0"):
        read_meta_test(FAMILY, copied)
    path.write_text(content)
    tensors = copied / f"{FAMILY}.safetensors"
    dataset = load_meta_test(FAMILY).dataset
    save_file(load_file(tensors), tensors, {"family": "another", "dataset": dataset})
    with pytest.raises(ProtocolError, match=r"are of Smile.* and another"):
        read_meta_test(FAMILY, copied)


def test_a_family_that_is_not_frozen_is_named(copied: Path) -> None:
    for path in copied.iterdir():
        path.unlink()
    with pytest.raises(ProtocolError, match=r"no frozen protocol in .* yet\. Frozen there: none"):
        read_meta_test(FAMILY, copied)


def test_initial_states_are_states_of_the_family() -> None:
    meta_test = load_meta_test(FAMILY)
    family = get_family(FAMILY)
    simulator = Simulator(get_mujoco_family(family), len(meta_test.tasks), threads=1)
    simulator.reset(meta_test.initial_states)
    assert (meta_test.initial_states[:, :2] == 0).all()
    assert np.abs(simulator.qpos[:, 2] - 0.75).max() <= 0.1
    assert len(np.unique(meta_test.initial_states[:, 5])) == len(meta_test.tasks)


@pytest.mark.parametrize(
    ("family", "metric", "expert", "blind"),
    [
        ("SmileAntGoal-v0", "min_distance", 0.08, 1.0),
        ("SmileHalfCheetahVelocity-v0", "velocity_error", 0.1, 0.3),
        ("SmileAntLinearClassification-v0", "no_op", 0.1, None),
    ],
)
def test_the_references_are_apart_on_every_task(
    family: str, metric: str, expert: float, blind: float | None
) -> None:
    references = load_meta_test(family).references
    assert (references.expert[metric] < expert).all()
    if blind is not None:
        assert (references.blind[metric] > blind).all()


def test_the_task_blind_classifier_guesses() -> None:
    references = load_meta_test("SmileAntLinearClassification-v0").references
    assert (references.expert["success"] > 0.9).all()
    assert references.blind["success"].mean() == pytest.approx(0.5, abs=0.05)
