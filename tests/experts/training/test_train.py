"""The command that trains experts and base policies, on tiny configurations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.baselines import expert_training, specialist_training
from smile_bench.cli.main import main
from smile_bench.envs import get_family
from smile_bench.errors import ExpertError, UnknownNameError
from smile_bench.experts.policy import expert_metrics, read_expert
from smile_bench.experts.training.per_task import PerTaskTraining
from smile_bench.experts.training.ppo import PPO
from smile_bench.experts.training.sac import SACExpert
from smile_bench.experts.training.train import (
    BASE_TRAININGS,
    EXPERT_TRAININGS,
    SHARED_TRAININGS,
    train_expert,
)
from smile_bench.learning.checkpoint import load_checkpoint

WALKER, CHEETAH = "SmileWalkerDynamics-v0", "SmileHalfCheetahVelocity-v0"


WALKER_BASE, CHEETAH_EXPERT = BASE_TRAININGS[WALKER], EXPERT_TRAININGS[CHEETAH]
WALKER_SHARED = SHARED_TRAININGS[WALKER]


def tiny_walker(seed: int) -> PPO:
    training = WALKER_BASE(seed)
    assert isinstance(training, PPO)
    config = replace(training.config, iterations=2, envs=3, horizon=8, hidden=8, minibatches=2)
    return PPO(config)


def tiny_cheetah(seed: int) -> SACExpert:
    training = CHEETAH_EXPERT(seed)
    assert isinstance(training, SACExpert)
    return SACExpert(replace(training.config, iterations=2, envs=2, steps=10, updates=1))


def test_a_cheetah_expert_is_trained_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(expert_training.EXPERT_TRAININGS, CHEETAH, tiny_cheetah)
    assert train_expert(CHEETAH, tmp_path, stop_after=1) is None
    path = train_expert(CHEETAH, tmp_path)
    assert path == tmp_path / "half-cheetah-velocity.safetensors"
    expert = read_expert(path)
    assert expert.recipe["algorithm"] == "sac"
    assert expert.recipe["seed"] == 0
    # What the dataset's card reads.
    assert isinstance(expert.recipe["seconds"], int)
    assert {"mujoco", "numpy", "torch"} <= expert.recipe["versions"].keys()
    assert expert.recipe["machine"]
    assert expert.recipe["command"] == f"smile-bench experts train {CHEETAH} --seed 0"
    assert expert_metrics(get_family(CHEETAH), expert, "validation", episodes=1).shape == (10, 1)


def test_a_base_policy_does_not_see_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(expert_training.BASE_TRAININGS, WALKER, tiny_walker)
    path = train_expert(WALKER, tmp_path, kind="base")
    assert path == tmp_path / "walker-dynamics-base.safetensors"
    expert = read_expert(path)
    observations = np.random.default_rng(0).normal(size=(4, 17))
    unmodified, modified = np.ones((4, 65)), np.full((4, 65), 2.0)
    acted = expert.act(observations, modified)
    np.testing.assert_array_equal(acted, expert.act(observations, unmodified))
    assert acted.any()


def test_a_shared_policy_is_what_specialists_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tiny(seed: int) -> PPO:
        config = WALKER_SHARED(seed).config
        changed = replace(config, iterations=1, rollouts=1, envs=3, horizon=8, minibatches=2)
        made.append(PPO(changed))
        return made[-1]

    made: list[PPO] = []
    monkeypatch.setitem(expert_training.SHARED_TRAININGS, WALKER, tiny)
    command = ["experts", "train", WALKER, "--shared", "--seed", "3"]
    assert main([*command, "--directory", str(tmp_path)]) == 0
    path = tmp_path / "walker-dynamics-shared.safetensors"
    assert str(path) in capsys.readouterr().out
    tensors, state = load_checkpoint(path)
    for name, tensor in made[0].model.state_dict().items():
        assert torch.equal(tensors[f"model.{name}"], tensor)
    recipe = state["recipe"]
    assert recipe["command"] == f"smile-bench {' '.join(command)}"
    assert (recipe["algorithm"], recipe["config"]["seed"]) == ("ppo", 3)
    monkeypatch.setattr(
        specialist_training, "shared_path", lambda name: tmp_path / f"{name}.safetensors"
    )
    training = EXPERT_TRAININGS[WALKER](0)
    assert isinstance(training, PerTaskTraining)
    assert training.shared_recipe == recipe
    began = training.begin(0, 0).model.policy.get_parameter("0.weight")
    assert torch.equal(began, made[0].model.policy.get_parameter("0.weight"))


def test_base_and_shared_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["experts", "train", WALKER, "--base", "--shared"])
    assert "not allowed with" in capsys.readouterr().err


def test_what_is_not_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match="no training of its base policy"):
        train_expert(CHEETAH, tmp_path, kind="base")
    with pytest.raises(ExpertError, match=f"no training of its shared policy.*{WALKER}"):
        train_expert(CHEETAH, tmp_path, kind="shared")
    with pytest.raises(UnknownNameError, match="Did you mean 'shared'"):
        train_expert(WALKER, tmp_path, kind="share")
    with pytest.raises(UnknownNameError):
        train_expert("SmileWalker-v0", tmp_path)
