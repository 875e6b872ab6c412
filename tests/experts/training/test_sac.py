from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.experts.training.curricula import CURRICULA
from smile_bench.experts.training.sac import SACExpert, SACExpertConfig
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.sac import SACConfig


def small(family: str, curriculum: str) -> SACExpertConfig:
    return SACExpertConfig(
        family=family,
        curriculum=curriculum,
        iterations=4,
        envs=3,
        env_steps_per_iteration=40,
        updates_per_env_step=1,
        batch=16,
        replay_capacity=200,
        sac=SACConfig(hidden=(16, 16), layer_norm=True, policy_every=2, target_entropy=-6.0),
    )


CHEETAH = ("SmileHalfCheetahVelocity-v0", "track-velocity")
CASES = [CHEETAH, ("SmileWalkerDynamics-v0", "walk-dynamics")]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "curriculum"), CASES)
def test_resuming_gives_the_numbers_of_the_uninterrupted_training(
    family: str, curriculum: str, tmp_path: Path
) -> None:
    config = small(family, curriculum)
    whole = SACExpert(config)
    logs = [whole.step() for _ in range(4)]
    cut = SACExpert(config)
    for _ in range(2):
        cut.step()
    save_checkpoint(tmp_path / "cut", cut.state_dict())
    resumed = SACExpert(config)
    resumed.load_state_dict(load_checkpoint(tmp_path / "cut"))
    assert [resumed.step(), resumed.step()] == logs[2:]
    save_checkpoint(tmp_path / "whole", whole.state_dict())
    save_checkpoint(tmp_path / "resumed", resumed.state_dict())
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "resumed").read_bytes()


@pytest.mark.parametrize(("family", "curriculum"), CASES)
def test_the_stored_expert_acts_as_the_policy(family: str, curriculum: str) -> None:
    training = SACExpert(small(family, curriculum))
    for _ in range(2):
        training.step()
    rng = np.random.default_rng(0)
    parameters = CURRICULA[curriculum].sample_tasks(rng, 5, 1.0)
    observations = rng.normal(size=(5, training.family.observation_size))
    features = training.normaliser(training.family.privileged(observations, parameters))
    expected = training.sac.policy.act(torch.from_numpy(features)).detach().numpy()
    actual = training.expert({}).act(observations, parameters)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_the_replay_buffer_holds_what_happened() -> None:
    training = SACExpert(small("SmileWalkerDynamics-v0", "walk-dynamics"))
    log = training.step()
    assert log["charts/updates"] == 0.0
    assert log["charts/env_steps"] == training.replay.added == 3 * 40
    rows = training.replay.sample(np.random.default_rng(0), 500)
    # Random torques make walkers fall, and a fall is where a transition does not continue.
    fallen = training.curriculum.terminated(rows["next_observation"].astype(np.float64))
    np.testing.assert_array_equal(rows["continues"][:, 0], ~fallen)
    assert fallen.any()
    assert log["charts/terminations"] > 0
    assert set(rows["task"][:, 0]) == {0.0, 1.0, 2.0}
    assert training.tasks.shape == (3, 65)
    training.step()
    assert training.tasks.shape == (6, 65)
    assert training.sac.updates == 40


def test_relabelled_transitions_earn_the_reward_of_another_task() -> None:
    training = SACExpert(small(*CHEETAH))
    training.step()
    (batch,) = training._batches(1)
    # The target follows the 17 observed features. Half the batch keeps the task acted in.
    targets = batch.features[:, 17].numpy()
    acted = training.normaliser(np.concatenate((np.zeros((3, 17)), training.tasks), axis=1))[:, 17]
    own = np.isclose(targets[:, None], acted, atol=1e-4).any(axis=1)
    assert 0 < own.sum() < len(own)


def test_learning_rates_fall_in_the_second_half() -> None:
    training = SACExpert(small(*CHEETAH))
    factors = []
    for iteration in range(5):
        training.iteration = iteration
        factors.append(training._learning_rate_factor())
    assert factors == pytest.approx([1.0, 1.0, 1.0, 0.51, 0.02])
