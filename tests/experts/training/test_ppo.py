from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.envs.simulation import sample_starts
from smile_bench.experts.training.curricula import CURRICULA, ReachGoal
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


def parameters(training: PPO) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in training.model.state_dict().values()])


@pytest.mark.parametrize("config", [CONFIG, WALKER, LASTING], ids=["ant", "walker", "lasting"])
def test_a_resumed_training_equals_the_uninterrupted_one(config: PPOConfig, tmp_path: Path) -> None:
    whole, first, second = PPO(config), PPO(config), PPO(config)
    run(whole, tmp_path / "whole")
    run(first, tmp_path / "cut", stop_after=1)
    run(second, tmp_path / "cut")
    assert torch.equal(parameters(whole), parameters(second))
    assert whole.learning_rate == second.learning_rate


def test_advantages_are_the_sum_of_discounted_errors() -> None:
    training = PPO(CONFIG)
    rng = np.random.default_rng(0)
    rewards = torch.from_numpy(rng.standard_normal((5, 2))).float()
    values = torch.from_numpy(rng.standard_normal((6, 2))).float()
    continues = torch.ones(5, 2)
    continues[2, 1] = 0.0
    discount, decay = CONFIG.discount, CONFIG.discount * CONFIG.gae
    expected = np.zeros((5, 2))
    for t in range(5):
        for k in range(t, 5):
            alive = continues[t:k].prod(0)
            delta = rewards[k] + discount * continues[k] * values[k + 1] - values[k]
            expected[t] += decay ** (k - t) * (alive * delta).numpy()
    actual = training._advantages(rewards, values, continues)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_the_running_statistics_are_those_of_all_data() -> None:
    model = PPO(CONFIG).model
    x = torch.from_numpy(np.random.default_rng(0).normal(3.0, 2.0, (600, 33)))
    for piece in (x[:100], x[100:400], x[400:]):
        model.absorb(piece)
    torch.testing.assert_close(model.mean, x.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.var, x.var(0, unbiased=False), rtol=1e-4, atol=1e-4)


def test_the_stored_expert_acts_as_the_policy_s_mean() -> None:
    training = PPO(CONFIG)
    training.step()
    expert = training.expert({})
    rng = np.random.default_rng(0)
    observations = rng.standard_normal((6, 29))
    goals = CURRICULA["reach-goal"].sample_tasks(rng, 6, 0.0)
    features = torch.from_numpy(training.family.privileged(observations, goals))
    with torch.no_grad():
        mean = training.model.policy(training.model.normalise(features)).clamp(-1, 1).numpy()
    np.testing.assert_allclose(expert.act(observations, goals), mean, atol=1e-5)


def test_the_shaped_reward_is_its_formula() -> None:
    before, after = np.zeros((1, 15)), np.zeros((1, 15))
    after[0, 0] = 1.0
    goals, actions = np.array([[2.0, 0.0]]), np.full((1, 8), 0.5)
    curriculum = ReachGoal(progress=2.0, bonus=3.0, width=0.5, cost=0.1, alive=0.7)
    expected = 2.0 * (2.0 - 1.0) / 0.05 + 3.0 * np.exp(-1.0 / 0.5) - 0.1 * 8 * 0.25 + 0.7
    movement = curriculum.movement(before, after)
    np.testing.assert_allclose(curriculum.reward(movement, actions, goals), expected, rtol=1e-12)


def test_goals_lie_all_around_the_circle() -> None:
    goals = CURRICULA["reach-goal"].sample_tasks(np.random.default_rng(0), 1000, 0.0)
    np.testing.assert_allclose(np.linalg.norm(goals, axis=1), 2.0)
    counts, _ = np.histogram(np.arctan2(goals[:, 1], goals[:, 0]), bins=8)
    assert counts.min() > 80


def test_walkers_fall_and_start_anew() -> None:
    log = PPO(WALKER).step()
    assert log["charts/terminations"] > 0
    observations = np.zeros((4, 17))
    observations[:, 0], observations[:, 1] = (1.25, 0.7, 2.1, 1.25), (0.9, 0.0, 0.0, -1.1)
    fallen = CURRICULA["walk-dynamics"].terminated(observations)
    assert fallen.tolist() == [False, True, True, True]


def test_walker_dynamics_widen_to_the_tables() -> None:
    curriculum, rng = CURRICULA["walk-dynamics"], np.random.default_rng(0)
    tables = PPO(WALKER).family.tasks
    every = np.concatenate([*tables.values(), np.ones((1, 65))])
    assert (curriculum.sample_tasks(rng, 86, 0.0) == 1.0).all()
    np.testing.assert_array_equal(curriculum.sample_tasks(rng, 86, 1.0), every)
    assert (CURRICULA["walk-unmodified"].sample_tasks(rng, 3, 1.0) == 1.0).all()


def test_walker_reward_is_the_family_s() -> None:
    training = PPO(WALKER)
    simulator, curriculum = training.simulator, training.curriculum
    rng = np.random.default_rng(0)
    simulator.set_tasks(curriculum.sample_tasks(rng, simulator.num_envs, 1.0))
    simulator.reset(sample_starts(simulator, rng, simulator.parameters))
    actions, before = rng.uniform(-1.0, 1.0, (simulator.num_envs, 6)), simulator.qpos.copy()
    outcome = simulator.step(actions)
    movement = curriculum.movement(before, simulator.qpos)
    ours = curriculum.reward(movement, actions, simulator.parameters)
    np.testing.assert_allclose(ours, outcome.rewards)


def test_the_task_s_features_keep_a_given_scale() -> None:
    training = PPO(replace(WALKER, task_scale=0.7))
    training.step()
    scale = training.model.scale
    assert torch.allclose(scale[17:], torch.tensor(0.7, dtype=torch.float64))
    assert (training.model.mean[17:] == 0.0).all()
    assert not torch.allclose(scale[:17], torch.ones(17, dtype=torch.float64))


def test_the_policy_keeps_exploring() -> None:
    training = PPO(
        replace(WALKER, initial_std=0.3, minimum_std=0.3, entropy=-1.0, learning_rate=0.1)
    )
    training.step()
    assert float(training.model.log_std.detach().exp().min()) == pytest.approx(0.3)
    curious = PPO(replace(WALKER, initial_std=0.3, entropy=10.0))
    assert curious.step()["charts/std"] > 0.3


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


def test_episodes_go_on_across_iterations() -> None:
    training = PPO(LASTING)
    training.step()
    assert training.states is not None
    positions, ages = training.states[:, 0].copy(), training.ages.copy()
    young = ages < LASTING.episode if LASTING.episode else ages < 0
    assert young.sum() > 0
    training._begin()
    np.testing.assert_array_equal(training.simulator.qpos[:, 0], positions)
    np.testing.assert_array_equal(training.ages, ages)
    assert training.ages.max() < 15 + 10


def test_what_is_learnt_before_the_tasks_differ_ignores_them() -> None:
    config = replace(WALKER, curriculum="walk-unmodified", task_scale=0.7)
    training = PPO(config)
    training.step()
    expert = training.expert({})
    observations = np.random.default_rng(0).standard_normal((4, 17))
    np.testing.assert_array_equal(
        expert.act(observations, np.ones((4, 65))), expert.act(observations, np.full((4, 65), 3.0))
    )
