"""Experts with one policy per task: files, look-up by the task's parameters, damage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from smile_bench.errors import ExpertError
from smile_bench.experts.per_task import FORMAT, PerTaskExperts, write_per_task
from smile_bench.experts.policy import read_expert

FAMILY = "SmileWalkerDynamics-v0"
OBSERVED, HIDDEN, ACTIONS, PARAMETERS, TASKS = 17, 5, 6, 65, 4


@pytest.fixture
def experts() -> PerTaskExperts:
    rng = np.random.default_rng(0)

    def sample(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.standard_normal((TASKS, *shape)).astype(np.float32)

    return PerTaskExperts(
        family=FAMILY,
        tasks=rng.uniform(0.5, 2.0, (TASKS, PARAMETERS)),
        weights=(sample(HIDDEN, OBSERVED), sample(ACTIONS, HIDDEN)),
        biases=(sample(HIDDEN), sample(ACTIONS)),
        mean=sample(OBSERVED),
        scale=np.abs(sample(OBSERVED)) + 0.5,
        feature_clip=1.5,
        recipe={"command": "none"},
    )


def formula(experts: PerTaskExperts, task: int, observation: np.ndarray) -> np.ndarray:
    first, last = (weight[task] for weight in experts.weights)
    bias, last_bias = (bias[task] for bias in experts.biases)
    z = (observation - experts.mean[task]) / experts.scale[task]
    hidden = np.tanh(first @ np.clip(z, -1.5, 1.5) + bias)
    return np.asarray(np.clip(last @ hidden + last_bias, -1.0, 1.0))


def test_every_slot_gets_the_action_of_its_tasks_policy(experts: PerTaskExperts) -> None:
    which = np.array([2, 0, 3, 2, 2, 1, 0])
    observations = np.random.default_rng(1).standard_normal((7, OBSERVED))
    actions = experts.act(observations, experts.tasks[which])
    assert actions.dtype == np.float32
    assert actions.shape == (7, ACTIONS)
    expected = [formula(experts, task, row) for task, row in zip(which, observations, strict=True)]
    np.testing.assert_allclose(actions, expected, atol=2e-5)
    # Neither their order nor how the table lies in memory matters.
    order = np.random.default_rng(2).permutation(7)
    parameters = np.asfortranarray(experts.tasks[which[order]])
    np.testing.assert_allclose(
        experts.act(observations[order], parameters), actions[order], atol=1e-6
    )


def test_an_unknown_task_is_one_clear_error(experts: PerTaskExperts) -> None:
    parameters = experts.tasks[[0, 1, 2]]
    parameters[1, 3] = np.nextafter(parameters[1, 3], 9.0)
    with pytest.raises(ExpertError, match=rf"{FAMILY}.*each of its 4 tasks.*in slots \[1\]"):
        experts.act(np.zeros((3, OBSERVED)), parameters)


def test_reading_gives_back_what_was_written(experts: PerTaskExperts, tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    # Layouts that a file does not have.
    tasks = np.asfortranarray(experts.tasks)
    write_per_task(path, replace(experts, tasks=tasks))
    found = read_expert(path, FAMILY)
    assert isinstance(found, PerTaskExperts)
    for ours, theirs in zip(experts.arrays, found.arrays, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    for name in ("family", "feature_clip", "recipe"):
        assert getattr(found, name) == getattr(experts, name)
    observations = np.random.default_rng(3).standard_normal((TASKS, OBSERVED))
    np.testing.assert_array_equal(
        found.act(observations, experts.tasks),
        experts.act(observations, experts.tasks),
    )
    with pytest.raises(ExpertError, match=f"of {FAMILY}, not of SmileAntGoal-v0"):
        read_expert(path, "SmileAntGoal-v0")


def drop(name: str) -> Callable[[dict[str, Any], dict[str, str]], None]:
    def change(tensors: dict[str, Any], metadata: dict[str, str]) -> None:
        tensors.pop(name, None)
        metadata.pop(name, None)

    return change


def cut(name: str) -> Callable[[dict[str, Any], dict[str, str]], None]:
    def change(tensors: dict[str, Any], metadata: dict[str, str]) -> None:
        if name in metadata:
            metadata[name] = metadata[name][:-1] + "}{"
        else:
            tensors[name] = tensors[name][:-1].copy()

    return change


def doubled(tensors: dict[str, Any], metadata: dict[str, str]) -> None:
    tensors["layer1.weight"] = tensors["layer1.weight"].astype(np.float64)


@pytest.mark.parametrize(
    "change",
    [
        *map(drop, ("tasks", "mean", "scale", "layer0.weight", "layer1.bias")),
        *map(drop, ("family", "feature_clip", "recipe")),
        *map(cut, ("tasks", "mean", "layer0.weight", "layer1.bias", "recipe", "feature_clip")),
        doubled,
    ],
)
def test_damaged_files_are_one_clear_error(
    experts: PerTaskExperts, tmp_path: Path, change: Callable[..., None]
) -> None:
    path = tmp_path / "s.safetensors"
    write_per_task(path, experts)
    tensors = load_file(path)
    metadata = {"format": FORMAT, "family": FAMILY, "feature_clip": "1.5", "recipe": "{}"}
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    with pytest.raises(ExpertError, match=r"cannot read an expert from .*damaged"):
        read_expert(path)


def test_a_truncated_file_is_one_clear_error(experts: PerTaskExperts, tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    write_per_task(path, experts)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ExpertError, match="damaged"):
        read_expert(path)
