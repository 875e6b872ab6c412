"""Soft actor-critic over a few actions: losses against sums over actions written out."""

from __future__ import annotations

import math

import pytest
import torch

from smile_bench.baselines.unsupervised.discrete_sac import (
    CategoricalPolicy,
    DiscreteSAC,
    sampled,
)
from smile_bench.learning.compute import Compute
from smile_bench.learning.networks import member
from smile_bench.learning.sac import Batch, SACConfig
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import Streams

CONFIG = SACConfig(hidden=(8,), discount=0.8, polyak=0.5, learning_rate=1e-2, entropy_weight=0.3)


def learner(*seeds: int) -> DiscreteSAC:
    return DiscreteSAC(
        4, 3, [CONFIG] * len(seeds), initial_generators(seeds), Streams(seeds), Compute()
    )


def batch(trainings: int) -> Batch:
    generator = torch.Generator().manual_seed(7)
    features, after = (torch.randn(trainings, 5, 4, generator=generator) for _ in range(2))
    chosen = torch.tensor([0, 2, 1, 1, 0]).expand(trainings, -1)
    actions = torch.nn.functional.one_hot(chosen, 3).float()
    rewards = torch.randn(trainings, 5, generator=generator)
    continues = torch.tensor([1.0, 0.0, 1.0, 0.64, 1.0]).expand(trainings, -1)
    return Batch(features, actions, rewards, after, continues)


def test_losses_are_the_sums_over_actions() -> None:
    sac, given = learner(0, 1), batch(2)
    with torch.no_grad():
        critic, value = sac._critic_loss(given, torch.empty(0))
        policy, entropy = sac._policy_loss(given.features, torch.empty(0))
        chances, ahead = sac.policy(given.features).exp(), sac.policy(given.next_features).exp()
        now, next_values = sac.critic(given.features), sac.target(given.next_features)
    for m in range(2):
        losses, targets, improved, entropies = 0.0, 0.0, 0.0, 0.0
        for b in range(5):
            p = ahead[m, b].tolist()
            soft = sum(
                p[a] * (float(next_values[m, :, b, a].min()) - 0.3 * math.log(p[a]))
                for a in range(3)
            )
            target = float(given.rewards[m, b]) + 0.8 * float(given.continues[m, b]) * soft
            targets += target / 5
            chosen = int(given.actions[m, b].argmax())
            losses += sum((float(now[m, k, b, chosen]) - target) ** 2 for k in range(2)) / 5
            q = chances[m, b].tolist()
            entropies -= sum(x * math.log(x) for x in q) / 5
            improved += (
                sum(q[a] * (0.3 * math.log(q[a]) - float(now[m, :, b, a].min())) for a in range(3))
                / 5
            )
        assert float(critic[m]) == pytest.approx(losses, rel=1e-5)
        assert float(value[m]) == pytest.approx(targets, rel=1e-5)
        assert float(policy[m]) == pytest.approx(improved, rel=1e-5)
        assert float(entropy[m]) == pytest.approx(entropies, rel=1e-5)


def test_it_learns_the_better_action() -> None:
    sac, given = learner(0), batch(1)
    rewards = given.actions[..., 2] * 1.0
    given = given._replace(rewards=rewards, continues=torch.zeros(1, 5))
    for _ in range(300):
        sac.update_critic(given)
        sac.update_policy(given.features)
    value = sac.critic(given.features).detach().amin(1)[0]
    assert float(value[1, 2]) == pytest.approx(1.0, abs=0.1)


def test_explored_actions_are_one_hot_and_follow_the_chances() -> None:
    chances = torch.tensor([0.7, 0.2, 0.1])
    uniform = Streams([0]).uniform(20_000, 3)
    rows = sampled(chances.log().expand(1, 20_000, 3), uniform)
    assert torch.equal(rows.sum(-1), torch.ones(1, 20_000))
    torch.testing.assert_close(rows.mean((0, 1)), chances, atol=0.02, rtol=0.0)


def test_a_former_policy_acts_where_it_is_given() -> None:
    sac = learner(0)
    former = CategoricalPolicy(4, 3, (8,), [torch.Generator()])
    with torch.no_grad():
        for parameter in former.parameters():
            parameter.zero_()
        former.layers[-1].get_parameter("bias")[..., 1] = 50.0
    acted = sac.explore(torch.zeros(1, 6, 4), former)
    assert acted[0].argmax(-1).tolist() == [1] * 6


def test_a_stack_is_its_plain_policies() -> None:
    sac, given = learner(4, 5), batch(2)
    for index in range(2):
        alone = CategoricalPolicy(4, 3, (8,), None)
        plain = member(sac.policy, index, alone)
        torch.testing.assert_close(
            plain(given.features[index]), sac.policy(given.features)[index], rtol=1e-5, atol=1e-6
        )
        assert plain.act(given.features[index]).sum(-1).tolist() == pytest.approx([1.0] * 5)
