"""Networks of soft actor-critic: their densities and their initial weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from smile_bench.learning.networks import (
    LOG_STD_RANGE,
    SquashedGaussianPolicy,
    TwinCritic,
    linear,
    orthogonal_mlp,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def policy(features: int = 3, actions: int = 2) -> SquashedGaussianPolicy:
    return SquashedGaussianPolicy(features, actions, (16, 8), generator())


def test_weights_are_uniform_as_pytorch_s_and_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    layer, again = (linear(25, 400, generator(4)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    for name, values in layer.state_dict().items():
        assert torch.equal(values, again.state_dict()[name])
        # U(-1/√25, 1/√25) has the standard deviation 0.2 / √3.
        assert float(values.abs().max()) <= 0.2
        assert float(values.std()) == pytest.approx(0.2 / math.sqrt(3.0), rel=0.1)
        assert float(values.mean()) == pytest.approx(0.0, abs=0.02)
    reference = nn.Linear(25, 400)
    for name, values in reference.state_dict().items():
        assert float(values.std()) == pytest.approx(float(layer.state_dict()[name].std()), rel=0.1)


def test_without_a_generator_a_network_has_shapes_and_waits_for_its_weights() -> None:
    weights, empty = policy().state_dict(), SquashedGaussianPolicy(3, 2, (16, 8), None)
    assert {name: value.shape for name, value in empty.state_dict().items()} == {
        name: value.shape for name, value in weights.items()
    }
    assert all(parameter.is_meta for parameter in empty.parameters())
    # A terabyte of weights takes no memory.
    assert linear(10**6, 10**6, None).weight.is_meta
    empty.load_state_dict(weights, assign=True)
    x = torch.randn(5, 3, generator=generator(1))
    assert torch.equal(empty.act(x), policy().act(x))


def test_orthogonal_layers_keep_lengths_and_begin_near_zero() -> None:
    network = orthogonal_mlp(4, 32, 2, 0.01)
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    assert [layer.weight.shape for layer in layers] == [(32, 4), (32, 32), (2, 32)]
    for layer, gain in zip(layers, (math.sqrt(2.0), math.sqrt(2.0), 0.01), strict=True):
        weight = layer.weight.detach()
        product = weight.T @ weight if len(weight) >= weight.shape[1] else weight @ weight.T
        torch.testing.assert_close(product, gain**2 * torch.eye(len(product)))
        assert not layer.bias.any()
    assert sum(isinstance(layer, nn.Tanh) for layer in network) == 2


def test_log_density_integrates_to_one() -> None:
    mean, log_std = torch.tensor([[0.7]]).double(), torch.tensor([[-0.4]]).double()
    # In u = atanh(a) the integrand has thin tails: ∫ p(a) da = ∫ p(tanh u) (1 - tanh² u) du.
    u = torch.linspace(-8.0, 8.0, 4001).double()[:, None]
    density = SquashedGaussianPolicy.log_density(mean, log_std, u).exp()
    total = torch.trapezoid(density * (1.0 - torch.tanh(u[:, 0]).square()), u[:, 0])
    assert float(total) == pytest.approx(1.0, abs=1e-9)


def test_log_density_matches_torch_distributions_and_survives_saturation() -> None:
    mean = torch.tensor([[0.3, -1.0], [20.0, 0.0]])
    log_std = torch.tensor([[0.1, -2.0], [0.0, 0.5]])
    u = mean + 0.3
    ours = SquashedGaussianPolicy.log_density(mean, log_std, u)
    normal = torch.distributions.Normal(mean[0], log_std[0].exp())
    squash = torch.distributions.TanhTransform(cache_size=1)
    theirs: Any = torch.distributions.TransformedDistribution(normal, [squash])
    assert float(ours[0]) == pytest.approx(float(theirs.log_prob(torch.tanh(u[0])).sum()), abs=1e-4)
    assert torch.isfinite(ours).all()


@pytest.mark.parametrize("layer_norm", [False, True])
def test_critics_are_two_networks_that_do_not_know_each_other(layer_norm: bool) -> None:
    twin = TwinCritic(7, (32, 16), layer_norm, generator())
    for parameter in twin.parameters():
        parameter.data.normal_(generator=generator(parameter.numel()))
    for parameter in twin.networks[1].parameters():
        parameter.data.mul_(1.5)
    features, actions = torch.randn(9, 5), torch.randn(9, 2)
    values = twin(features, actions)
    assert values.shape == (2, 9)
    for network, value in zip(twin.networks, values, strict=True):
        parts = iter(list(network.parameters()))
        x = torch.cat((features, actions), dim=1)
        for _ in range(2):
            x = x @ next(parts).T + next(parts)
            if layer_norm:
                width = x.var(1, unbiased=False, keepdim=True).add(1e-5).sqrt()
                x = (x - x.mean(1, keepdim=True)) / width * next(parts) + next(parts)
            x = x.clamp(min=0.0)
        x = x @ next(parts).T + next(parts)
        torch.testing.assert_close(value, x[:, 0], rtol=1e-4, atol=1e-4)
        assert not list(parts)
    first, second = (list(network.parameters()) for network in twin.networks)
    gradients = torch.autograd.grad(values[0].sum(), [*first, *second])
    assert all(bool(gradient.any()) for gradient in gradients[: len(first)])
    assert not any(bool(gradient.any()) for gradient in gradients[len(first) :])


def test_sampled_actions_have_the_density_that_is_given() -> None:
    made, features = policy(actions=1).double(), torch.zeros(40_000, 3, dtype=torch.float64)
    actions, log_density = made.sample(features, generator(1))
    assert actions.shape == (40_000, 1)
    assert log_density.shape == (40_000,)
    mean, log_std = (float(part.detach()[0]) for part in made(features[:1]))
    # P(tanh u < a) = Φ((atanh a - mean) / std).
    for bound in (-0.8, -0.2, 0.1, 0.7):
        below = 0.5 * (1.0 + math.erf((math.atanh(bound) - mean) / math.exp(log_std) / 2**0.5))
        assert float((actions < bound).double().mean()) == pytest.approx(below, abs=0.01)
    means, log_stds = made(features[:50])
    expected = made.log_density(means, log_stds, torch.atanh(actions[:50]))
    torch.testing.assert_close(log_density[:50], expected)


def test_the_most_likely_action_is_tanh_of_the_mean() -> None:
    made, x = policy(), torch.randn(6, 3, generator=generator(2))
    acted = made.act(x)
    torch.testing.assert_close(acted, torch.tanh(made(x)[0]))
    assert not acted.requires_grad


def test_gradients_reach_the_policy_through_sampled_actions() -> None:
    made, x = policy(), torch.randn(6, 3, generator=generator(2))
    actions, log_density = made.sample(x, generator(3))
    for loss in (actions.sum(), log_density.sum()):
        gradients = torch.autograd.grad(loss, list(made.parameters()), retain_graph=True)
        assert all(bool(gradient.any()) for gradient in gradients)


@pytest.mark.parametrize(("size", "expected"), [(-1e6, 0), (1e6, 1)])
def test_widths_stay_in_their_range(size: float, expected: int) -> None:
    made = policy()
    with torch.no_grad():
        made.get_parameter("layers.2.bias")[2:] = size
    _, log_std = made(torch.randn(4, 3, generator=generator(1)))
    np.testing.assert_allclose(log_std.detach().numpy(), LOG_STD_RANGE[expected], atol=1e-5)
