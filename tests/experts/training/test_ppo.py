from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.experts.training.curricula import CURRICULA
from smile_bench.experts.training.ppo import PPO, PPOConfig
from smile_bench.learning.loop import run

SMALL: dict[str, Any] = {
    "iterations": 3,
    "envs": 4,
    "horizon": 10,
    "hidden": 16,
    "epochs": 2,
    "minibatches": 2,
}
CONFIG = PPOConfig(family="SmileAntGoal-v0", curriculum="reach-goal", **SMALL)
WALKER = PPOConfig(
    family="SmileWalkerDynamics-v0",
    curriculum="walk-dynamics",
    rollouts=6,
    initial_std=2.0,
    **SMALL,
)
LASTING = replace(WALKER, rollouts=2, episode=15, initial_std=0.1)


def numbers(training: PPO) -> list[Any]:
    """Everything that is learnt, and where the episodes are."""
    normaliser = training.normaliser.state_dict()
    episodes = [] if training.episodes is None else [training.episodes]
    arrays = [*training.model.state_dict().values(), *normaliser.values(), *episodes, training.ages]
    return [np.asarray(array).tolist() for array in arrays]


@pytest.mark.parametrize("config", [CONFIG, WALKER, LASTING], ids=["ant", "walker", "lasting"])
def test_a_resumed_training_equals_the_uninterrupted_one(config: PPOConfig, tmp_path: Path) -> None:
    whole, first, second = PPO(config), PPO(config), PPO(config)
    run(whole, tmp_path / "whole")
    run(first, tmp_path / "cut", stop_after=1)
    run(second, tmp_path / "cut")
    assert numbers(whole) == numbers(second)
    assert numbers(whole) != numbers(first)
    assert whole.learning_rate == second.learning_rate
    assert whole.rng.bit_generator.state == second.rng.bit_generator.state


def test_features_are_normalised_by_all_that_was_seen() -> None:
    training = PPO(CONFIG)
    seen: list[Any] = []
    absorb = training.normaliser.absorb
    training.normaliser.absorb = lambda x: (seen.append(x), absorb(x))  # type: ignore[assignment,func-returns-value]
    for _ in range(3):
        training.step()
    x = np.concatenate(seen)
    assert x.shape == (3 * 4 * 10, training.features)
    np.testing.assert_allclose(training.normaliser.mean, x.mean(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(training.normaliser.variance, x.var(0), rtol=1e-4, atol=1e-4)
    # The goal and the offset to it are among the features.
    goals = training.simulator.parameters
    np.testing.assert_array_equal(x[-4:, 29:31], goals)
    np.testing.assert_allclose(x[-4:, 31:], goals - x[-4:, :2])


def test_the_stored_expert_acts_as_the_policys_mean() -> None:
    training = PPO(CONFIG)
    training.step()
    expert = training.expert({})
    rng = np.random.default_rng(0)
    observations = rng.standard_normal((6, 29))
    goals = CURRICULA["reach-goal"].sample_tasks(rng, 6, 0.0)
    features = torch.from_numpy(
        training.normaliser(training.family.privileged(observations, goals))
    )
    with torch.no_grad():
        mean = training.model.policy(features).clamp(-1, 1).numpy()
    np.testing.assert_allclose(expert.act(observations, goals), mean, atol=1e-5)


def test_walkers_that_fall_start_again() -> None:
    training = PPO(WALKER)
    log = training.step()
    assert log["charts/terminations"] > 0
    assert 0 <= training.ages.min() < 60


def test_features_of_the_task_keep_a_given_scale() -> None:
    training = PPO(replace(WALKER, task_scale=0.7))
    training.step()
    scale, mean = training.normaliser.scale, training.normaliser.mean
    np.testing.assert_allclose(scale[17:], 0.7)
    assert (mean[17:] == 0.0).all()
    assert not np.allclose(scale[:17], 1.0)


def test_the_policy_keeps_exploring() -> None:
    training = PPO(
        replace(WALKER, initial_std=0.3, minimum_std=0.3, entropy=-1.0, learning_rate=0.1)
    )
    training.step()
    assert float(training.model.log_std.detach().exp().min()) == pytest.approx(0.3)
    curious = PPO(replace(WALKER, initial_std=0.3, entropy=10.0))
    assert curious.step()["charts/std"] > 0.3


@pytest.mark.parametrize(
    ("bounds", "factor"),
    [({"kl_high": -1.0}, 0.5), ({"kl_high": 1e9, "kl_low": 1e9}, 1.5), ({"kl_low": -1.0}, 1.0)],
    ids=["far", "near", "between"],
)
def test_the_learning_rate_follows_the_divergence(bounds: dict[str, float], factor: float) -> None:
    training = PPO(replace(CONFIG, **{"kl_high": 1e9, **bounds}))  # type: ignore[arg-type]
    training.step()
    assert training.learning_rate == pytest.approx(factor * CONFIG.learning_rate)


def test_fitting_the_value_leaves_the_policy_as_it_is() -> None:
    training = PPO(WALKER)
    before = {name: tensor.clone() for name, tensor in training.model.named_parameters()}
    training.fit_value(2)
    for name, tensor in training.model.named_parameters():
        assert torch.equal(tensor, before[name]) is not name.startswith("value"), name
    assert training.learning_rate == WALKER.learning_rate
    training.step()
    moved = dict(training.model.named_parameters())["policy.0.weight"]
    assert not torch.equal(moved, before["policy.0.weight"])


def test_episodes_continue_across_iterations() -> None:
    training = PPO(LASTING)
    training.step()
    assert training.episodes is not None
    positions = training.simulator.qpos.copy()
    ages, metrics = training.ages.copy(), training.simulator.metric_state.copy()
    assert LASTING.episode is not None
    assert (ages < LASTING.episode).any()
    training._begin()
    np.testing.assert_array_equal(training.simulator.qpos, positions)
    np.testing.assert_array_equal(training.simulator.metric_state, metrics)
    np.testing.assert_array_equal(training.ages, ages)
    assert training.ages.max() < LASTING.episode + LASTING.horizon


def test_the_first_episodes_have_ages_that_spread() -> None:
    training = PPO(replace(LASTING, envs=64, episode=1000))
    training._begin()
    assert len(np.unique(training.ages)) > 50
    training.restart(np.array([3, 5]))
    assert training.ages[[3, 5]].tolist() == [0, 0]
    assert (np.delete(training.ages, [3, 5]) > 0).sum() > 55


def test_what_is_learnt_before_the_tasks_differ_ignores_them() -> None:
    training = PPO(replace(WALKER, curriculum="walk-unmodified", task_scale=0.7))
    training.step()
    expert = training.expert({})
    observations = np.random.default_rng(0).standard_normal((4, 17))
    np.testing.assert_array_equal(
        expert.act(observations, np.ones((4, 65))), expert.act(observations, np.full((4, 65), 3.0))
    )
