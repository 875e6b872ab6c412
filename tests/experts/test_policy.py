from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.envs import get_mujoco_family
from smile_bench.errors import ExpertError
from smile_bench.experts.policy import (
    Expert,
    expert_metrics,
    load_expert,
    read_expert,
    write_expert,
)


def small_expert(squash: str = "clip", activation: str = "tanh") -> Expert:
    rng = np.random.default_rng(0)
    sizes = [33, 5, 8]
    return Expert(
        family="SmileAntGoal-v0",
        weights=tuple(
            rng.standard_normal((o, i)).astype(np.float32) for i, o in itertools.pairwise(sizes)
        ),
        biases=tuple(rng.standard_normal(o).astype(np.float32) for o in sizes[1:]),
        mean=rng.standard_normal(33).astype(np.float32),
        scale=rng.uniform(0.5, 2, 33).astype(np.float32),
        activation=activation,
        squash=squash,
        feature_clip=1.5,
        recipe={"command": "none"},
    )


@pytest.mark.parametrize("squash", ["clip", "tanh"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_network_is_what_its_formula_says(squash: str, activation: str) -> None:
    expert = small_expert(squash, activation)
    family = get_mujoco_family(expert.family)
    rng = np.random.default_rng(1)
    observations, goals = rng.standard_normal((7, 29)), rng.standard_normal((7, 2))
    x = np.concatenate((observations, goals, goals - observations[:, :2]), axis=1)
    np.testing.assert_array_equal(family.privileged(observations, goals), x)
    hidden = (
        np.clip((x - expert.mean) / expert.scale, -1.5, 1.5) @ expert.weights[0].T
        + expert.biases[0]
    )
    hidden = np.tanh(hidden) if activation == "tanh" else np.maximum(hidden, 0)
    out = hidden @ expert.weights[1].T + expert.biases[1]
    out = np.tanh(out) if squash == "tanh" else np.clip(out, -1, 1)
    actions = expert.act(observations, goals)
    assert actions.dtype == np.float32
    np.testing.assert_allclose(actions, out, atol=2e-5)


def test_reading_gives_back_what_was_written(tmp_path: Path) -> None:
    expert = small_expert()
    write_expert(tmp_path / "e.safetensors", expert)
    found = read_expert(tmp_path / "e.safetensors")
    for a, b in zip(expert.weights + expert.biases, found.weights + found.biases, strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("family", "squash", "activation", "feature_clip", "recipe"):
        assert getattr(found, name) == getattr(expert, name)


def test_damaged_or_missing_weights_are_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "e.safetensors"
    with pytest.raises(ExpertError, match="cannot read"):
        read_expert(path)
    write_expert(path, small_expert())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ExpertError, match="cannot read"):
        read_expert(path)


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "sigmoid"},
        {"squash": "none"},
        {"weights": (np.zeros((5, 32), np.float32), np.zeros((8, 5), np.float32))},
        {"weights": (np.zeros((5, 33), np.float32), np.zeros((8, 4), np.float32))},
        {"biases": (np.zeros(5, np.float32), np.zeros(1, np.float32))},
        {"scale": np.ones(1, np.float32)},
        {"mean": np.ones(33, np.float64)},
        {"weights": (), "biases": ()},
    ],
)
def test_networks_that_do_not_fit_together_are_refused(tmp_path: Path, change: Any) -> None:
    # NumPy would broadcast some of them.
    write_expert(tmp_path / "e.safetensors", replace(small_expert(), **change))
    with pytest.raises(ExpertError, match=r"cannot read an expert .*damaged"):
        read_expert(tmp_path / "e.safetensors")


def test_the_shipped_ant_expert_reaches_every_goal() -> None:
    family = get_mujoco_family("SmileAntGoal-v0")
    expert = load_expert(family)
    for split in ("train", "test"):
        # The bar of the benchmark: 0.08 m on every goal.
        assert expert_metrics(family, expert, split, episodes=2).mean(axis=1).max() <= 0.08
