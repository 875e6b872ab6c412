"""Training and storing experts, base policies and shared policies, on tiny configurations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.cli.main import main
from smile_bench.envs import get_family
from smile_bench.errors import DivergedError, ExpertError, UnknownNameError
from smile_bench.experts.policy import expert_metrics, read_expert
from smile_bench.experts.training.per_task import PerTaskConfig, PerTaskTraining, Turn
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.presets import KINDS, Config, Kind
from smile_bench.experts.training.sac import SACExpertConfig
from smile_bench.experts.training.shared import read_shared
from smile_bench.experts.training.train import make_training, train_expert

WALKER, CHEETAH = "SmileWalkerDynamics-v0", "SmileHalfCheetahVelocity-v0"


def use(monkeypatch: pytest.MonkeyPatch, kind: str, family: str, config: Config) -> None:
    """Let a preset be another configuration."""
    presets = {**KINDS[kind].presets, family: config}
    monkeypatch.setitem(KINDS, kind, Kind(KINDS[kind].title, presets))


def tiny_walker(kind: str) -> PPOConfig:
    config = KINDS[kind].presets[WALKER]
    assert isinstance(config, PPOConfig)
    return replace(
        config, iterations=2, rollouts=2, envs=3, horizon=8, hidden=8, epochs=2, minibatches=2
    )


def test_a_cheetah_expert_is_trained_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = KINDS["expert"].presets[CHEETAH]
    assert isinstance(config, SACExpertConfig)
    tiny = replace(config, iterations=2, envs=2, env_steps_per_iteration=10, updates_per_env_step=1)
    use(monkeypatch, "expert", CHEETAH, replace(tiny, replay_capacity=100))
    assert train_expert(CHEETAH, tmp_path, stop_after=1) is None
    path = train_expert(CHEETAH, tmp_path)
    assert path == tmp_path / "half-cheetah-velocity.safetensors"
    expert = read_expert(path)
    assert expert.recipe["algorithm"] == "sac"
    assert expert.recipe["seed"] == 0
    # The dataset's card reads these.
    assert isinstance(expert.recipe["seconds"], int)
    assert isinstance(expert.recipe["cpu_seconds"], int)
    assert {"mujoco", "numpy", "torch"} <= expert.recipe["versions"].keys()
    assert expert.recipe["machine"]
    assert expert.recipe["command"] == f"smile-bench experts train {CHEETAH} --seed 0"
    family = get_family(CHEETAH)
    observations = np.zeros((10, family.observation_size))
    assert expert.act(observations, family.table("validation")).shape == (10, 6)


def test_an_expert_may_be_trained_in_another_familys_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "SmileAntLinearClassification-v0"
    config = KINDS["expert"].presets[name]
    assert isinstance(config, PPOConfig)
    assert config.family == "SmileAntGoal-v0"
    tiny = replace(config, iterations=1, envs=2, horizon=4, hidden=8, epochs=1, minibatches=1)
    use(monkeypatch, "expert", name, tiny)
    path = train_expert(name, tmp_path)
    assert path == tmp_path / "ant-linear-classification.safetensors"
    expert = read_expert(path, name)
    assert expert_metrics(get_family(name), expert, "validation", episodes=1).shape[1] == 1


def test_a_base_policy_does_not_see_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "base", WALKER, tiny_walker("base"))
    path = train_expert(WALKER, tmp_path, kind="base")
    assert path == tmp_path / "walker-dynamics-base.safetensors"
    expert = read_expert(path)
    observations = np.random.default_rng(0).normal(size=(4, 17))
    unmodified, modified = np.ones((4, 65)), np.full((4, 65), 2.0)
    acted = expert.act(observations, modified)
    np.testing.assert_array_equal(acted, expert.act(observations, unmodified))
    assert acted.any()


def test_a_shared_policy_is_what_per_task_experts_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The networks of the experts have the preset's width.
    width = KINDS["expert"].presets[WALKER].ppo.hidden  # type: ignore[union-attr]
    use(monkeypatch, "shared", WALKER, replace(tiny_walker("shared"), iterations=1, hidden=width))
    command = ["experts", "train", WALKER, "--shared", "--seed", "3"]
    assert main([*command, "--directory", str(tmp_path)]) == 0
    path = tmp_path / "walker-dynamics-shared.safetensors"
    assert str(path) in capsys.readouterr().out
    shared = read_shared(path)
    assert shared.recipe["command"] == f"smile-bench {' '.join(command)}"
    assert (shared.recipe["algorithm"], shared.recipe["config"]["seed"]) == ("ppo", 3)
    monkeypatch.setattr(
        "smile_bench.experts.training.per_task.weights_path",
        lambda family, name: tmp_path / f"{name}.safetensors",
    )
    training = make_training(WALKER)
    assert isinstance(training, PerTaskTraining)
    assert training.shared.recipe == shared.recipe
    weights = training.begin([Turn(0, 0)]).model.member(0).policy.get_parameter("0.weight")
    assert torch.equal(weights, shared.file.tensors["model.policy.0.weight"])


def test_a_task_that_diverges_is_reported_and_the_others_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, "shared", WALKER, replace(tiny_walker("shared"), iterations=1))
    train_expert(WALKER, tmp_path, kind="shared")
    monkeypatch.setattr(
        "smile_bench.experts.training.per_task.weights_path",
        lambda family, name: tmp_path / f"{name}.safetensors",
    )
    ppo = replace(tiny_walker("shared"), curriculum="walk-one-dynamics", iterations=1)
    shared = "walker-dynamics-shared"
    config = PerTaskConfig(shared=shared, ppo=ppo, later=ppo, rounds=1, together=100)
    use(monkeypatch, "expert", WALKER, config)
    step = PPO.step

    def spoilt(ppo: PPO) -> list[Any]:
        return [DivergedError("a loss is NaN.") if n == 3 else s for n, s in enumerate(step(ppo))]

    monkeypatch.setattr(PPO, "step", spoilt)
    for _ in range(2):  # The second time continues a run that has ended.
        assert main(["experts", "train", WALKER, "--directory", str(tmp_path / "run")]) == 2
        said = capsys.readouterr().err
        assert "the turns of 1 of 85 tasks diverged." in said
        assert "all other tasks. test task 3: a loss is NaN." in said
    expert = read_expert(tmp_path / "run" / "walker-dynamics.safetensors", WALKER)
    tasks = get_family(WALKER).table("test")
    assert expert.act(np.zeros((2, 17)), tasks[[2, 4]]).shape == (2, 6)
    with pytest.raises(ExpertError, match=r"none is for the parameters in slots \[0\]"):
        expert.act(np.zeros((1, 17)), tasks[[3]])


def test_base_and_shared_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experts", "train", WALKER, "--base", "--shared"]) != 0
    assert "not allowed with" in capsys.readouterr().err


def test_a_training_has_the_seed_that_was_asked_for() -> None:
    experts, base, cheetah = (
        make_training(WALKER, seed=5),
        make_training(WALKER, seed=5, kind="base"),
        make_training(CHEETAH, seed=5),
    )
    assert isinstance(experts, PerTaskTraining)
    assert experts.config.ppo.seed == experts.config.later.seed == 5
    for training in (base, cheetah):
        assert training.settings["seed"] == 5


def test_the_number_of_threads_is_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "base", WALKER, tiny_walker("base"))
    torch.set_num_threads(2)
    train_expert(WALKER, tmp_path, kind="base", stop_after=1)
    assert torch.get_num_threads() == 2


def test_what_is_not_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match="no training of its base policy"):
        train_expert(CHEETAH, tmp_path, kind="base")
    with pytest.raises(ExpertError, match=f"no training of its shared policy.*{WALKER}"):
        train_expert(CHEETAH, tmp_path, kind="shared")
    with pytest.raises(UnknownNameError, match="Did you mean 'shared'"):
        train_expert(WALKER, tmp_path, kind="share")
    with pytest.raises(UnknownNameError):
        train_expert("SmileWalker-v0", tmp_path)
