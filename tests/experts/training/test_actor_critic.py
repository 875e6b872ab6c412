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

TRAININGS = 2


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def made(n: int) -> tuple[ActorCritic, torch.Tensor, torch.Tensor]:
    """Networks of two trainings with random weights, n features and actions of each."""
    model = ActorCritic(3, 2, 8, 0.5, generators(1, 2))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    features = torch.randn(TRAININGS, n, 3, generator=generator)
    return model, features, torch.randn(TRAININGS, n, 2, generator=generator)


def test_a_member_is_the_pair_that_was_made_alone() -> None:
    before = torch.get_rng_state()
    stack = ActorCritic(5, 2, 8, 0.5, generators(4, 5, 6), ignored_from=3)
    alone = ActorCritic(5, 2, 8, 0.5, generators(5)[0], ignored_from=3)
    assert torch.equal(before, torch.get_rng_state())
    features = torch.randn(3, 7, 5, generator=generators(0)[0])
    plain = stack.member(1)
    for name, tensor in alone.state_dict().items():
        assert torch.equal(plain.state_dict()[name], tensor), name
    torch.testing.assert_close(stack.policy(features)[1], plain.policy(features[1]))
    torch.testing.assert_close(stack.value(features)[1], plain.value(features[1]))
    second = alone.policy.get_parameter("2.weight").detach()
    torch.testing.assert_close(second.mT @ second, 2.0 * torch.eye(8))


def test_a_loaded_member_leaves_the_others() -> None:
    stack, other = (ActorCritic(3, 2, 8, 0.5, generators(*seeds)) for seeds in ((1, 2), (7,)))
    kept = stack.member(0).state_dict()
    stack.load_member(1, other.member(0).state_dict())
    for index, expected in ((0, kept), (1, other.member(0).state_dict())):
        for name, tensor in stack.member(index).state_dict().items():
            assert torch.equal(tensor, expected[name]), name
    with pytest.raises(RuntimeError):
        stack.load_member(0, ActorCritic(3, 2, 9, 0.5, generators(7)[0]).state_dict())


def test_log_density_is_the_gaussians_up_to_a_constant() -> None:
    model, features, actions = made(5)
    normal = torch.distributions.Normal(model.policy(features), model.log_std.exp())
    constant = 2 * 0.5 * math.log(2 * math.pi)
    expected = normal.log_prob(actions).sum(-1) + constant  # type: ignore[no-untyped-call]
    torch.testing.assert_close(model.log_prob(features, actions), expected)


def test_features_may_have_no_influence_at_first() -> None:
    model = ActorCritic(5, 2, 8, 0.5, generators(0, 1), ignored_from=3)
    features = torch.randn(2, 4, 5, generator=generators(2)[0])
    changed = features.clone()
    changed[..., 3:] += 1.0
    for network in (model.policy, model.value):
        assert torch.equal(network(features), network(changed))
        changed_early = features + torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
        assert not torch.equal(network(features), network(changed_early))


def test_advantages_are_the_sum_of_discounted_errors() -> None:
    rng = np.random.default_rng(0)
    rewards = torch.from_numpy(rng.standard_normal((5, 3, 2))).float()
    values = torch.from_numpy(rng.standard_normal((6, 3, 2))).float()
    continues = torch.ones(5, 3, 2)
    continues[2, 0, 1] = continues[3, 2, 0] = 0.0
    discount, decay = 0.99, 0.95
    expected = np.zeros((5, 3, 2))
    for t in range(5):
        for k in range(t, 5):
            alive = continues[t:k].prod(0)
            delta = rewards[k] + discount * continues[k] * values[k + 1] - values[k]
            expected[t] += (discount * decay) ** (k - t) * (alive * delta).numpy()
    actual = generalised_advantages(rewards, values, continues, discount=discount, decay=decay)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_advantages_are_normalised_in_each_training() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 12, 5), (2, 12, 2), (2, 12), (2, 12), (2, 12)]
    rollout = Rollout(*(torch.randn(shape, generator=generator) for shape in shapes))
    rollout.advantages[1].mul_(50.0).add_(7.0)
    made = rollout.normalised()
    torch.testing.assert_close(made.advantages.mean(1), torch.zeros(2), atol=1e-6, rtol=0.0)
    torch.testing.assert_close(made.advantages.std(1), torch.ones(2))
    assert torch.equal(made.features, rollout.features)


def test_rows_stay_together_and_with_their_training() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 12, 5), (2, 12, 2), (2, 12), (2, 12), (2, 12)]
    rollout = Rollout(*(torch.randn(shape, generator=generator) for shape in shapes))
    index = torch.tensor([[7, 0, 3], [1, 11, 1]])
    taken = rollout.rows(index)
    for column, own in zip(rollout, taken, strict=True):
        for training in range(2):
            assert torch.equal(own[training], column[training][index[training]])
    parts = list(rollout.chunks(5))
    assert [part.returns.shape[1] for part in parts] == [3, 3, 3, 3]
    assert torch.equal(torch.cat([part.actions for part in parts], 1), rollout.actions)


def test_losses_are_their_formulas() -> None:
    model, features, actions = made(6)
    with torch.no_grad():
        now = model.log_prob(features, actions)
        values = model.value(features)[..., 0]
    # Ratios far below, inside and far above the trust region, for gains of both signs; the second
    # training has them in another order.
    shifts = torch.tensor([-0.5, -0.1, 0.5, -0.5, 0.1, 0.5])
    gains = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    both = torch.stack((shifts, shifts.flip(0))), torch.stack((gains, 2.0 * gains))
    offsets = torch.tensor([[2.0], [3.0]])
    batch = Rollout(features, actions, now - both[0], both[1], values + offsets)
    losses = clipped_losses(model, batch, 0.2)
    for training in range(TRAININGS):
        ratios, of = both[0][training].exp().numpy(), both[1][training].numpy()
        limited = np.minimum(ratios, 1.2), np.maximum(ratios, 0.8)
        expected = (of * np.where(of > 0, *limited)).mean()
        assert losses.policy[training].item() == pytest.approx(-expected, abs=1e-6)
        assert losses.value[training].item() == pytest.approx(
            offsets[training].item() ** 2, abs=1e-4
        )
        kl = (ratios - 1.0 - both[0][training].numpy()).mean()
        assert losses.kl[training].item() == pytest.approx(kl, abs=1e-6)
    assert not losses.kl.requires_grad


@pytest.mark.parametrize(("shift", "gain"), [(0.5, 1.0), (-0.5, -1.0)])
def test_outside_the_trust_region_nothing_pulls_further_out(shift: float, gain: float) -> None:
    model, features, actions = made(1)
    old = model.log_prob(features, actions).detach() - shift
    # The opposite gain, of the second training, pulls back into the region.
    gains = torch.tensor([[gain], [-gain]])
    losses = clipped_losses(model, Rollout(features, actions, old, gains, torch.zeros(2, 1)), 0.2)
    (gradient,) = torch.autograd.grad(losses.policy.sum(), model.log_std)
    assert (gradient.abs().sum((1, 2)) > 0).tolist() == [False, True]


def test_the_gradient_of_the_policy_loss_is_the_policy_gradient_at_ratio_1() -> None:
    model, features, actions = made(6)
    gains = torch.tensor([[1.0, -2.0, 0.5, 3.0, -1.0, 0.2], [0.1, 0.2, -0.3, 0.4, 2.0, -1.0]])
    old = model.log_prob(features, actions).detach()
    batch = Rollout(features, actions, old, gains, torch.zeros(2, 6))
    parameters = [*model.policy.parameters(), model.log_std]
    found = torch.autograd.grad(clipped_losses(model, batch, 0.2).policy.sum(), parameters)
    score = -(model.log_prob(features, actions) * gains).mean(1).sum()
    for ours, theirs in zip(found, torch.autograd.grad(score, parameters), strict=True):
        torch.testing.assert_close(ours, theirs)
