"""The command that trains experts and base policies, on tiny configurations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smile_bench.baselines import expert_training
from smile_bench.baselines.expert_training import (
    BASE_TRAININGS,
    EXPERT_TRAININGS,
    train_expert,
)
from smile_bench.baselines.ppo import PPO
from smile_bench.baselines.sac_expert import SACExpert
from smile_bench.datasets.expert import expert_metrics, read_expert
from smile_bench.envs import get_family
from smile_bench.errors import ExpertError, UnknownNameError

WALKER, CHEETAH = "SmileWalkerDynamics-v0", "SmileHalfCheetahVelocity-v0"


WALKER_BASE, CHEETAH_EXPERT = BASE_TRAININGS[WALKER], EXPERT_TRAININGS[CHEETAH]


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
    assert expert.recipe["command"] == f"smile-bench experts train {CHEETAH} --seed 0"
    assert expert_metrics(get_family(CHEETAH), expert, "validation", episodes=1).shape == (10, 1)


def test_a_base_policy_does_not_see_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(expert_training.BASE_TRAININGS, WALKER, tiny_walker)
    path = train_expert(WALKER, tmp_path, base=True)
    assert path == tmp_path / "walker-dynamics-base.safetensors"
    expert = read_expert(path)
    observations = np.random.default_rng(0).normal(size=(4, 17))
    unmodified, modified = np.ones((4, 65)), np.full((4, 65), 2.0)
    acted = expert.act(observations, modified)
    np.testing.assert_array_equal(acted, expert.act(observations, unmodified))
    assert acted.any()


def test_what_is_not_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match="no training of its base policy"):
        train_expert(CHEETAH, tmp_path, base=True)
    with pytest.raises(UnknownNameError):
        train_expert("SmileWalker-v0", tmp_path)
