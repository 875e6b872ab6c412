from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from smile_bench.baselines.expert_tasks import GoalReward, circle_goals, goal_reward
from smile_bench.baselines.ppo import PPO, PPOConfig
from smile_bench.baselines.training import run

CONFIG = PPOConfig(
    family="SmileAntGoal-v0", iterations=3, envs=4, horizon=10, hidden=16, epochs=2, minibatches=2
)


def parameters(training: PPO) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in training.model.state_dict().values()])


def test_a_resumed_training_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    whole, first, second = PPO(CONFIG), PPO(CONFIG), PPO(CONFIG)
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
    discount, decay = CONFIG.discount, CONFIG.discount * CONFIG.gae
    expected = np.zeros((5, 2))
    for t in range(5):
        for k in range(t, 5):
            delta = rewards[k] + discount * values[k + 1] - values[k]
            expected[t] += decay ** (k - t) * delta.numpy()
    np.testing.assert_allclose(training._advantages(rewards, values), expected, atol=1e-5)


def test_the_running_statistics_are_those_of_all_data() -> None:
    model = PPO(CONFIG).model
    x = torch.from_numpy(np.random.default_rng(0).normal(3.0, 2.0, (600, 33)))
    for piece in x.split([100, 300, 200]):
        model.absorb(piece)
    torch.testing.assert_close(model.mean, x.mean(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.var, x.var(0, unbiased=False), rtol=1e-4, atol=1e-4)


def test_the_stored_expert_acts_as_the_policy_s_mean() -> None:
    training = PPO(CONFIG)
    training.step()
    expert = training.expert({})
    rng = np.random.default_rng(0)
    observations, goals = rng.standard_normal((6, 29)), circle_goals(rng, 6)
    features = torch.from_numpy(training.family.privileged(observations, goals))
    with torch.no_grad():
        mean = training.model.policy(training.model.normalise(features)).clamp(-1, 1).numpy()
    np.testing.assert_allclose(expert.act(observations, goals), mean, atol=1e-5)


def test_the_shaped_reward_is_its_formula() -> None:
    before, after = np.zeros((1, 15)), np.zeros((1, 15))
    after[0, 0] = 1.0
    goals, actions = np.array([[2.0, 0.0]]), np.full((1, 8), 0.5)
    shape = GoalReward(progress=2.0, bonus=3.0, width=0.5, cost=0.1, alive=0.7)
    expected = 2.0 * (2.0 - 1.0) / 0.05 + 3.0 * np.exp(-1.0 / 0.5) - 0.1 * 8 * 0.25 + 0.7
    np.testing.assert_allclose(
        goal_reward(shape, 0.05, before, after, actions, goals), expected, rtol=1e-12
    )


def test_goals_lie_all_around_the_circle() -> None:
    goals = circle_goals(np.random.default_rng(0), 1000)
    np.testing.assert_allclose(np.linalg.norm(goals, axis=1), 2.0)
    counts, _ = np.histogram(np.arctan2(goals[:, 1], goals[:, 0]), bins=8)
    assert counts.min() > 80
