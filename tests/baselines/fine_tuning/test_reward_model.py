"""The model of the reward."""

from __future__ import annotations

import torch

from smile_bench.baselines.fine_tuning.config import RewardModelConfig
from smile_bench.baselines.fine_tuning.reward_model import RewardModel
from smile_bench.learning.devices import CPU
from smile_bench.learning.replay import Transitions
from smile_bench.learning.stacking import initial_generators


def test_each_slot_s_model_learns_its_own_reward() -> None:
    generator = torch.Generator().manual_seed(0)
    config = RewardModelConfig(hidden=(32, 32))
    model = RewardModel(3, 2, config, initial_generators([0, 1]), CPU)
    signs = torch.tensor([[1.0], [-1.0]])

    def sampled() -> tuple[Transitions, torch.Tensor]:
        states, next_states = torch.randn(2, 2, 64, 3, generator=generator)
        actions = torch.randn(2, 64, 2, generator=generator)
        rewards = signs * (next_states[..., 0] - 0.5 * actions[..., 1])
        return Transitions(states, actions, next_states), rewards

    transitions, rewards = sampled()
    before = (model(transitions) - rewards).square().mean(-1)
    for _ in range(600):
        model.fit(*sampled())
    after = (model(transitions) - rewards).square().mean(-1)
    assert (after < 0.05 * before).all()
