from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from smile_bench.experts.training.actor_critic import (
    ActorCritic,
    Rollout,
    clipped_losses,
    generalised_advantages,
)


def made(n: int) -> tuple[ActorCritic, torch.Tensor, torch.Tensor]:
    """A network with random weights, n features and actions."""
    model = ActorCritic(3, 2, 8, 0.5)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    features = torch.randn(n, 3, generator=generator)
    return model, features, torch.randn(n, 2, generator=generator)


def test_log_density_is_the_gaussians_up_to_a_constant() -> None:
    model, features, actions = made(5)
    normal = torch.distributions.Normal(model.policy(features), model.log_std.exp())
    constant = 2 * 0.5 * math.log(2 * math.pi)
    expected = normal.log_prob(actions).sum(-1) + constant  # type: ignore[no-untyped-call]
    torch.testing.assert_close(model.log_prob(features, actions), expected)


def test_features_may_have_no_influence_at_first() -> None:
    torch.manual_seed(0)
    model = ActorCritic(5, 2, 8, 0.5, ignored_from=3)
    features = torch.randn(4, 5)
    changed = features.clone()
    changed[:, 3:] += 1.0
    for network in (model.policy, model.value):
        assert torch.equal(network(features), network(changed))
        changed_early = features + torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
        assert not torch.equal(network(features), network(changed_early))


def test_advantages_are_the_sum_of_discounted_errors() -> None:
    rng = np.random.default_rng(0)
    rewards = torch.from_numpy(rng.standard_normal((5, 2))).float()
    values = torch.from_numpy(rng.standard_normal((6, 2))).float()
    continues = torch.ones(5, 2)
    continues[2, 1] = 0.0
    discount, decay = 0.99, 0.95
    expected = np.zeros((5, 2))
    for t in range(5):
        for k in range(t, 5):
            alive = continues[t:k].prod(0)
            delta = rewards[k] + discount * continues[k] * values[k + 1] - values[k]
            expected[t] += (discount * decay) ** (k - t) * (alive * delta).numpy()
    actual = generalised_advantages(rewards, values, continues, discount=discount, decay=decay)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_flattening_keeps_rows_together_and_normalises_advantages() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3, 5), (4, 3, 2), (4, 3), (4, 3), (4, 3)]
    rollout = Rollout(*(torch.randn(shape, generator=generator) for shape in shapes))
    flat = rollout.flattened()
    assert torch.equal(flat.features[7], rollout.features[2, 1])
    assert torch.equal(flat.returns[7], rollout.returns[2, 1])
    assert float(flat.advantages.mean()) == pytest.approx(0.0, abs=1e-6)
    assert float(flat.advantages.std()) == pytest.approx(1.0, abs=1e-5)
    assert torch.equal(flat.rows(torch.tensor([7, 0])).actions, flat.actions[[7, 0]])


def test_losses_are_their_formulas() -> None:
    model, features, actions = made(6)
    with torch.no_grad():
        now = model.log_prob(features, actions)
        values = model.value(features)[:, 0]
    # Ratios far below, inside and far above the trust region, for gains of both signs.
    shifts = torch.tensor([-0.5, -0.1, 0.5, -0.5, 0.1, 0.5])
    gains = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    batch = Rollout(features, actions, now - shifts, gains, values + 2.0)
    losses = clipped_losses(model, batch, 0.2)
    ratios = shifts.exp().numpy()
    expected = np.where(gains.numpy() > 0, np.minimum(ratios, 1.2), -np.maximum(ratios, 0.8)).mean()
    assert losses.policy.item() == pytest.approx(-expected, abs=1e-6)
    assert losses.value.item() == pytest.approx(4.0, abs=1e-5)
    assert losses.kl.item() == pytest.approx((ratios - 1.0 - shifts.numpy()).mean(), abs=1e-6)
    assert not losses.kl.requires_grad


@pytest.mark.parametrize(("shift", "gain"), [(0.5, 1.0), (-0.5, -1.0)])
def test_outside_the_trust_region_nothing_pulls_further_out(shift: float, gain: float) -> None:
    model, features, actions = made(1)
    old = model.log_prob(features, actions).detach() - shift
    batch = Rollout(features, actions, old, torch.tensor([gain]), torch.zeros(1))
    for sign in (1.0, -1.0):
        # The opposite gain pulls back into the region.
        losses = clipped_losses(model, batch._replace(advantages=sign * batch.advantages), 0.2)
        (gradient,) = torch.autograd.grad(losses.policy, model.log_std)
        assert bool(gradient.abs().sum() > 0) is (sign < 0)


def test_the_gradient_of_the_policy_loss_is_the_policy_gradient_at_ratio_1() -> None:
    model, features, actions = made(6)
    gains = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0, 0.2])
    old = model.log_prob(features, actions).detach()
    batch = Rollout(features, actions, old, gains, torch.zeros(6))
    parameters = [*model.policy.parameters(), model.log_std]
    found = torch.autograd.grad(clipped_losses(model, batch, 0.2).policy, parameters)
    score = -(model.log_prob(features, actions) * gains).mean()
    for ours, theirs in zip(found, torch.autograd.grad(score, parameters), strict=True):
        torch.testing.assert_close(ours, theirs)
