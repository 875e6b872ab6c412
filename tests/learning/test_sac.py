"""Soft actor-critic: its updates against known solutions."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from smile_bench.errors import DivergedError
from smile_bench.learning.sac import SAC, Batch, Imitation, SACConfig


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def learnt(learner: SAC) -> list[torch.Tensor]:
    """Every learnt tensor, the targets included."""
    networks = learner.policy, learner.critic, learner.target
    tensors = [tensor for network in networks for tensor in network.state_dict().values()]
    return [*tensors, learner.log_alpha.detach()]


def test_initial_weights_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first, second = (SAC(4, 2, SACConfig(hidden=(8,)), generator(3)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(map(torch.equal, learnt(first), learnt(second)))


def linear_quadratic_gain(a: float, b: float, q: float, r: float, discount: float) -> float:
    """K of the optimal control u = -K s, by iterating the scalar Riccati equation."""
    p = q
    for _ in range(1000):
        gain = discount * a * b * p / (r + discount * b * b * p)
        p = q + discount * a * p * (a - b * gain)
    return gain


@pytest.mark.slow
def test_solves_a_linear_quadratic_task() -> None:
    a, b, q, r, discount = 0.9, 0.5, 1.0, 0.3, 0.9
    gain = linear_quadratic_gain(a, b, q, r, discount)
    config = SACConfig(
        hidden=(64, 64),
        discount=discount,
        learning_rate=2e-3,
        polyak=0.02,
        entropy_weight=1e-3,
        policy_every=2,
    )
    learner, rng = SAC(1, 1, config, generator()), generator(1)
    for update in range(1200):
        learner.scale_learning_rate(1.0 - update / 1200)
        states, actions = (2.0 * torch.rand(256, 1, generator=rng) - 1.0 for _ in range(2))
        reward = -(q * states.square() + r * actions.square())[:, 0]
        learner.update(Batch(states, actions, reward, a * states + b * actions, torch.ones(256)))
    states = torch.linspace(-0.8, 0.8, 17)[:, None]
    error = (learner.policy.act(states) + gain * states).abs()
    assert float(error.max()) < 0.08


def test_entropy_weight_follows_the_target_entropy() -> None:
    config = SACConfig(hidden=(16,), learning_rate=1e-2, target_entropy=-2.0)
    batch = Batch(
        torch.randn(32, 3), torch.rand(32, 2), torch.zeros(32), torch.randn(32, 3), torch.ones(32)
    )
    for target, grows in ((10.0, True), (-20.0, False)):
        learner = SAC(3, 2, replace(config, target_entropy=target), generator())
        logs = [learner.update(batch) for _ in range(5)]
        assert (logs[-1]["charts/entropy_weight"] > 1.0) is grows


def test_termination_cuts_the_bootstrap() -> None:
    config = SACConfig(hidden=(16,), discount=0.9, entropy_weight=1e-9, polyak=1.0)
    learner = SAC(2, 1, config, generator())
    with torch.no_grad():
        for network in learner.target.networks:
            list(network.parameters())[-1].fill_(100.0)
    rewards = torch.full((8,), 3.0)
    parts = torch.randn(8, 2), torch.rand(8, 1), rewards, torch.randn(8, 2)
    assert learner.update(Batch(*parts, torch.zeros(8)))["losses/value"] == pytest.approx(3.0)


@pytest.mark.parametrize("field", Batch._fields)
def test_a_number_that_is_not_finite_stops_the_update(field: str) -> None:
    learner = SAC(3, 2, SACConfig(hidden=(16,)), generator())
    batch = Batch(
        torch.randn(8, 3), torch.rand(8, 2), torch.randn(8), torch.randn(8, 3), torch.ones(8)
    )
    before = [tensor.clone() for tensor in learnt(learner)]
    getattr(batch, field)[3] = torch.nan
    with pytest.raises(DivergedError, match=field):
        learner.update(batch)
    assert all(map(torch.equal, learnt(learner), before))


TUNED = SACConfig(hidden=(8, 8), layer_norm=True, policy_every=2, target_entropy=-2.0)


def sampled(seed: int, size: int = 16) -> Batch:
    rng = generator(seed)
    states, actions, following = (torch.randn(size, n, generator=rng) for n in (3, 2, 3))
    rewards, ones = torch.randn(size, generator=rng), torch.ones(size)
    return Batch(states, actions.tanh(), rewards, following, ones)


def test_it_continues_to_the_same_numbers_from_its_state() -> None:
    whole, cut = (SAC(3, 2, TUNED, generator()) for _ in range(2))
    for learner in (whole, cut):
        for seed in range(5):
            learner.update(sampled(seed))
    resumed = SAC(3, 2, TUNED, generator(9))
    resumed.load_state_dict(copy.deepcopy(cut.state_dict()))
    resumed.generator.set_state(cut.generator.get_state())
    for seed in range(5, 9):
        assert resumed.update(sampled(seed)) == whole.update(sampled(seed))
    assert all(map(torch.equal, learnt(resumed), learnt(whole)))
    assert resumed.updates == 9


def test_every_learning_rate_is_scaled() -> None:
    """Adam's first step is as long as its learning rate, whatever the gradient."""
    steps = []
    for factor in (1.0, 0.5, 0.0):
        learner = SAC(3, 2, replace(TUNED, policy_every=1, learning_rate=1e-2), generator())
        before = [tensor.clone() for tensor in learnt(learner)]
        learner.scale_learning_rate(factor)
        learner.update(sampled(0))
        learner_steps = [
            float((new - old).abs().max()) for old, new in zip(before, learnt(learner), strict=True)
        ]
        policy = len(learner.policy.state_dict())
        critic = len(learner.critic.state_dict())
        parts = learner_steps[:policy], learner_steps[policy : policy + critic], learner_steps[-1:]
        steps.append([max(part) for part in parts])
    assert steps[0] == pytest.approx([1e-2] * 3, rel=1e-2)
    assert steps[1] == pytest.approx([5e-3] * 3, rel=1e-2)
    assert steps[2] == [0.0] * 3


def test_targets_follow_the_critics_by_tau() -> None:
    learner = SAC(3, 2, replace(TUNED, polyak=0.25), generator())
    before = [value.clone() for value in learner.target.state_dict().values()]
    learner.update(sampled(0))
    critics = learner.critic.state_dict().values()
    for old, critic, target in zip(
        before, critics, learner.target.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(target, 0.75 * old + 0.25 * critic)
        assert not target.requires_grad


def test_the_logged_entropy_is_that_of_the_sampled_actions() -> None:
    learner, features = SAC(3, 2, TUNED, generator()), sampled(0).features
    again = torch.Generator()
    again.set_state(learner.generator.get_state())
    _, log_density = learner.policy.sample(features, again)
    log = learner.update_policy(features)
    assert log["charts/entropy"] == pytest.approx(-float(log_density.detach().mean()))


def test_cloning_pulls_the_mean_action_to_the_demonstrated_one() -> None:
    learner = SAC(3, 2, replace(TUNED, learning_rate=1e-2), generator())
    features, wanted = sampled(0).features, torch.tensor([[0.5, -0.7]]).expand(16, 2)
    cloning = Imitation(features, wanted, 100.0)
    before = learner.update_policy(features, cloning)["losses/policy"]
    for _ in range(200):
        after = learner.update_policy(features, cloning)["losses/policy"]
    assert after < before
    error = (learner.policy.act(features) - wanted).abs().max()
    assert float(error) < 0.05
