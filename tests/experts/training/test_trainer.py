"""What the trainings of experts share, and that the committed checkpoint still goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.experts.training.curricula import WalkOneDynamics
from smile_bench.experts.training.per_task import shared_path
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.experts.training.sac import SACExpert
from smile_bench.experts.training.train import (
    BASE_TRAININGS,
    EXPERT_TRAININGS,
    SHARED_TRAININGS,
)
from smile_bench.learning.checkpoint import load_checkpoint, pack_module

WALKER, CHEETAH = "SmileWalkerDynamics-v0", "SmileHalfCheetahVelocity-v0"
CHECKPOINT = Path(__file__).parents[2] / "tools" / "checkpoints" / "walker-dynamics.safetensors"
ANT = PPOConfig(family="SmileAntGoal-v0", curriculum="reach-goal", envs=2, hidden=8)


def test_the_committed_checkpoint_goes_on() -> None:
    _, state = load_checkpoint(CHECKPOINT)
    training = SHARED_TRAININGS[WALKER](0)
    # What the loop compares before it resumes.
    assert json.loads(json.dumps(training.settings)) == state["config"]
    training.load(CHECKPOINT)
    assert training.iteration == state["iteration"] == 378
    assert training.states is not None
    # The shared policy that ships is the one at this point.
    shipped, _ = load_checkpoint(shared_path("walker-dynamics-shared"))
    here = pack_module("model", training.model)
    assert shipped.keys() == here.keys()
    assert all(torch.equal(shipped[name], tensor) for name, tensor in here.items())


def test_settings_are_the_configuration_and_the_practice() -> None:
    curriculum = WalkOneDynamics(split="test", index=3)
    base = BASE_TRAININGS[WALKER](0)
    assert isinstance(base, PPO)
    training = PPO(replace(base.config, envs=2), curriculum)
    assert training.curriculum is curriculum
    assert training.settings["envs"] == 2
    assert training.settings["curriculum"] == "walk-unmodified"
    assert training.settings["curriculum_settings"]["index"] == 3
    assert (training.iterations, base.settings["curriculum_settings"]["spread"]) == (60, 0.0)


def tiny_sac() -> SACExpert:
    training = EXPERT_TRAININGS[CHEETAH](0)
    assert isinstance(training, SACExpert)
    return SACExpert(replace(training.config, envs=2, capacity=10))


@pytest.mark.parametrize(
    ("make", "facts"),
    [
        (lambda: PPO(ANT), ("ppo", "tanh", "clip", 10.0)),
        (tiny_sac, ("sac", "relu", "tanh", float("inf"))),
    ],
    ids=["ppo", "sac"],
)
def test_experts_are_packed_as_they_act(
    make: type[PPO | SACExpert], facts: tuple[str, str, str, float]
) -> None:
    training = make()  # type: ignore[call-arg]
    expert, family = training.expert({"command": "none"}), training.family
    assert facts == (
        expert.recipe["algorithm"],
        expert.activation,
        expert.squash,
        expert.feature_clip,
    )
    assert (expert.recipe["config"], expert.recipe["command"]) == (training.settings, "none")
    assert expert.weights[0].shape[1] == training.features == len(expert.mean)
    assert expert.weights[-1].shape[0] == family.body.actions == len(expert.biases[-1])
    observations = np.random.default_rng(0).standard_normal((3, family.observation_size))
    actions = expert.act(observations, family.table("train")[:3])
    assert actions.shape == (3, family.action_size)


def test_starts_are_drawn_for_the_environments_asked_for() -> None:
    training, again = PPO(ANT), PPO(ANT)
    for made in (training, again):
        made.simulator.set_tasks(made.curriculum.sample_tasks(made.rng, 2, 0.0))
    both = training.sample_starts(np.array([1, 0]))
    assert both.shape == (2, training.family.state_size)
    np.testing.assert_array_equal(both[:1], again.sample_starts(np.array([1])))
