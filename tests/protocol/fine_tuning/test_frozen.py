from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from smile_bench.envs import get_family
from smile_bench.errors import ProtocolError, UnknownNameError
from smile_bench.protocol.fine_tuning.frozen import (
    CONTEXTS,
    fine_tuning_folder,
    load_fine_tuning,
    read_fine_tuning,
    write_fine_tuning,
)
from smile_bench.protocol.meta_test import load_meta_test

GRID = "SmileGridGoal-v0"
VERSIONS = {
    ("SmileAntGoal-v0", "expert"): "v0-a8434ffdb993d361",
    ("SmileAntGoal-v0", "half"): "v0-d7245bc50b05f9e0",
    ("SmileAntLinearClassification-v0", "expert"): "v0-cb76b0b719589970",
    ("SmileAntLinearClassification-v0", "half"): "v0-171b6b03db515f1d",
    ("SmileGridGoal-v0", "expert"): "v0-8d8542635a9c8367",
    ("SmileGridGoal-v0", "half"): "v0-057db69d94dbfeff",
    ("SmileHalfCheetahVelocity-v0", "expert"): "v0-f1fe3fc3b1376b17",
    ("SmileHalfCheetahVelocity-v0", "half"): "v0-52b6a3b1e5fc1333",
    ("SmileWalkerDynamics-v0", "expert"): "v0-fa6560787a96addf",
    ("SmileWalkerDynamics-v0", "half"): "v0-5a14925a9cc4fab6",
}


def test_every_set_that_ships_is_published() -> None:
    names = [path.stem for path in fine_tuning_folder(get_family(GRID)).glob("*.safetensors")]
    assert sorted(names) == sorted(f"{family}-fine-tune-{kind}" for family, kind in VERSIONS)


@pytest.mark.parametrize(("family", "contexts"), VERSIONS)
def test_the_frozen_set_is_the_published_one(family: str, contexts: str) -> None:
    # If this fails, scores are no longer comparable: a new version of the set is needed.
    assert load_fine_tuning(family, contexts).version == VERSIONS[family, contexts]


@pytest.mark.parametrize(("family", "contexts"), VERSIONS)
def test_scored_episodes_are_those_of_the_frozen_meta_test_set(family: str, contexts: str) -> None:
    frozen, meta_test = load_fine_tuning(family, contexts), load_meta_test(family)
    scored = meta_test.select(frozen.rows)
    assert np.array_equal(frozen.tasks, scored.tasks)
    assert np.array_equal(frozen.initial_states, scored.initial_states)
    assert frozen.references is meta_test.references
    assert len(frozen.learning_tasks) == 8
    assert {0, len(get_family(family).table("test")) - 1} <= set(frozen.learning_tasks.tolist())
    assert frozen.repeats == get_family(family).evaluation_episodes


@pytest.mark.parametrize("family", sorted({family for family, _ in VERSIONS}))
def test_contexts_have_the_largest_size_and_the_half_demonstrator_is_half_as_good(
    family: str,
) -> None:
    for kind, least, most in (("expert", 0.95, 1.1), ("half", 0.35, 0.65)):
        frozen = load_fine_tuning(family, kind)
        contexts = frozen.task_contexts()
        assert len(contexts) == 8
        assert {context.shots for context in contexts} == {max(get_family(family).context_sizes)}
        assert least < frozen.demonstrator_score < most
    assert not np.array_equal(
        load_fine_tuning(family).task_contexts()[0].observations, contexts[0].observations
    )


def test_starts_follow_from_task_seed_and_number_alone() -> None:
    frozen = load_fine_tuning(GRID)
    both, later = frozen.starts((3, 4), 0, 5), frozen.starts((4,), 2, 3)
    assert both.shape == (16, 5, 2)
    assert np.array_equal(both[8:, 2:], later)
    assert len(np.unique(both.reshape(-1, 2)[:, 1])) == 80
    assert np.array_equal(load_fine_tuning(GRID, "half").starts((4,), 2, 3), later)
    assert frozen.starts((0,), 5, 0).shape == (8, 0, 2)


def test_unknown_contexts_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown kind of contexts 'quarter'.*'half'"):
        load_fine_tuning(GRID, "quarter")


def test_a_set_that_is_missing_says_how_to_freeze_one(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="no frozen fine-tuning set with contexts of the half"):
        read_fine_tuning(GRID, "half", tmp_path)


@pytest.mark.parametrize("kind", CONTEXTS)
def test_what_is_written_is_read_back(kind: str, tmp_path: Path) -> None:
    frozen = load_fine_tuning(GRID, kind)
    path = write_fine_tuning(tmp_path, frozen)
    shipped = fine_tuning_folder(get_family(GRID)) / path.name
    assert path.read_bytes() == shipped.read_bytes()
    assert read_fine_tuning(GRID, kind, tmp_path).version == frozen.version


def _moved(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def edit(tensors: dict[str, Any]) -> None:
        tensors[name] = change(tensors[name])

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_moved("start_seeds", lambda a: a + 1), "computes to"),
        (_moved("demonstrator_means", lambda a: a + 1e-9), "computes to"),
        (_moved("demonstrations", lambda a: a[:, ::-1].copy()), "computes to"),
        (_moved("rows", lambda a: a[::-1].copy()), "do not come task by task"),
        (_moved("contexts/actions", lambda a: a * 0), "do not have the digest"),
        (lambda tensors: tensors.pop("start_seeds"), "lacks the tensor 'start_seeds'"),
    ],
)
def test_an_altered_set_is_refused(
    edit: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    path = write_fine_tuning(tmp_path, load_fine_tuning(GRID, "half"))
    tensors = load_file(path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    edit(tensors)
    save_file(tensors, path, metadata)
    with pytest.raises(ProtocolError, match=message):
        read_fine_tuning(GRID, "half", tmp_path)


def test_a_set_of_another_family_is_refused(tmp_path: Path) -> None:
    path = write_fine_tuning(tmp_path, load_fine_tuning(GRID))
    shutil.copy(path, tmp_path / "SmileAntGoal-v0-fine-tune-expert.safetensors")
    with pytest.raises(ProtocolError, match=r"says that it is of SmileGridGoal-v0"):
        read_fine_tuning("SmileAntGoal-v0", "expert", tmp_path)


def test_the_version_covers_the_kind_of_contexts_and_the_dataset() -> None:
    frozen = load_fine_tuning(GRID)
    versions = {
        frozen.version,
        replace(frozen, contexts="half").version,
        replace(frozen, dataset="0" * 64).version,
    }
    assert len(versions) == 3
