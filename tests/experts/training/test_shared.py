from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from smile_bench.envs import get_family
from smile_bench.errors import ExpertError
from smile_bench.experts.policy import weights_path
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.shared import read_shared, write_shared
from smile_bench.io.tensors import read_tensors

SHIPPED = weights_path(get_family("SmileWalkerDynamics-v0"), "walker-dynamics-shared")
CONFIG = PPOConfig(
    family="SmileWalkerDynamics-v0", curriculum="walk-dynamics", envs=1, task_scale=0.7
)


class Recorded(PPO):
    """A training whose settings are those that the shipped file records."""

    recorded: Mapping[str, Any]

    @property
    def settings(self) -> list[Mapping[str, Any]]:
        return [self.recorded]


def test_writing_what_was_read_gives_the_shipped_file_to_the_byte(tmp_path: Path) -> None:
    shared, training = read_shared(SHIPPED), Recorded([CONFIG])
    shared.load_into(training)
    training.recorded = shared.recipe["config"]
    rest = {k: v for k, v in shared.recipe.items() if k not in ("algorithm", "config")}
    write_shared(tmp_path / "again", training, 0, rest)
    assert (tmp_path / "again").read_bytes() == SHIPPED.read_bytes()


def test_a_training_begins_with_what_was_stored(tmp_path: Path) -> None:
    narrow = replace(CONFIG, hidden=8)
    first, second = (
        PPO([replace(narrow, seed=seed) for seed in pair]) for pair in ((0, 1), (2, 3))
    )
    first.normaliser.absorb(np.random.default_rng(0).standard_normal((2, 9, first.features)))
    write_shared(tmp_path / "shared", first, 1, {"command": "none"})
    shared = read_shared(tmp_path / "shared")
    assert shared.recipe["command"] == "none"
    assert shared.recipe["algorithm"] == "ppo"
    assert shared.recipe["config"] == json.loads(json.dumps(first.settings[1]))
    shared.load_into(second)
    for index in range(2):
        for name, tensor in first.model.member(1).state_dict().items():
            assert torch.equal(tensor, second.model.member(index).state_dict()[name]), name
        ours, theirs = first.normaliser, second.normaliser
        assert (ours.mean[1] == theirs.mean[index]).all()
        assert (ours.variance[1] == theirs.variance[index]).all()
        assert ours.count[1] == theirs.count[index]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.mean", None),
        ("model.count", None),
        ("model.policy.0.weight", None),
        ("model.log_std", torch.zeros(5)),
        ("model.mean", torch.zeros(3)),
        ("model.var", torch.zeros(3)),
        ("model.count", torch.zeros(3)),
    ],
)
def test_damaged_files_are_one_clear_error(
    tmp_path: Path, name: str, change: torch.Tensor | None
) -> None:
    file = read_tensors(SHIPPED, "a shared policy", ExpertError, framework="pt")
    tensors = dict(file.tensors)
    del tensors[name]
    if change is not None:
        tensors[name] = change
    save_file(tensors, tmp_path / "damaged", file.metadata)
    with pytest.raises(ExpertError, match=r"read a shared policy from .*damaged"):
        read_shared(tmp_path / "damaged").load_into(PPO([CONFIG]))


@pytest.mark.parametrize("state", ["{}", "[]", "nothing"])
def test_a_file_without_a_recipe_is_one_clear_error(tmp_path: Path, state: str) -> None:
    save_file({"model.mean": torch.zeros(1)}, tmp_path / "damaged", {"state": state})
    with pytest.raises(ExpertError, match=r"read a shared policy from .*damaged"):
        read_shared(tmp_path / "damaged")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match="there is no such file"):
        read_shared(tmp_path / "missing")
