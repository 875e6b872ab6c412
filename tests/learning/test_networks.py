"""Networks of soft actor-critic: their densities, their initial weights, and stacks of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from smile_bench.learning.networks import (
    LOG_STD_RANGE,
    SquashedGaussianPolicy,
    StackedLinear,
    TwinCritic,
    fast_tanh,
    linear,
    member,
    orthogonal_mlp,
    relu_mlp,
    use_bfloat16,
)
from smile_bench.learning.products import product


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def generators(*seeds: int) -> list[torch.Generator]:
    return [generator(seed) for seed in seeds]


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
    assert all(parameter.is_meta for parameter in linear(10**6, 10**6, None).parameters())
    empty.load_state_dict(weights, assign=True)
    x = torch.randn(5, 3, generator=generator(1))
    assert torch.equal(empty.act(x), policy().act(x))


def test_orthogonal_layers_keep_lengths_and_begin_near_zero() -> None:
    network = orthogonal_mlp(4, 32, 2, 0.01, generator())
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    assert [layer.weight.shape for layer in layers] == [(32, 4), (32, 32), (2, 32)]
    for layer, gain in zip(layers, (math.sqrt(2.0), math.sqrt(2.0), 0.01), strict=True):
        weight = layer.weight.detach()
        squared = weight.T @ weight if len(weight) >= weight.shape[1] else weight @ weight.T
        torch.testing.assert_close(squared, gain**2 * torch.eye(len(squared)))
        assert not layer.bias.any()
    assert sum(isinstance(layer, nn.Tanh) for layer in network) == 2


def test_a_stack_is_its_networks_side_by_side() -> None:
    """The network of a seed is the same to the bit alone and in any stack."""
    sizes, x = (3, 16, 8, 2), torch.randn(3, 5, 3, generator=generator(9))
    stack = relu_mlp(sizes, generators(7, 0, 7))
    for index, seed in enumerate((7, 0, 7)):
        alone, in_one = relu_mlp(sizes, generator(seed)), relu_mlp(sizes, generators(seed))
        copied = member(stack, index, relu_mlp(sizes, None))
        for name, values in alone.state_dict().items():
            assert torch.equal(copied.state_dict()[name], values)
            assert copied.state_dict()[name].is_contiguous()
            own = member(in_one, 0, relu_mlp(sizes, None)).state_dict()[name]
            assert torch.equal(own, values)
        torch.testing.assert_close(stack(x)[index], alone(x[index]))
        torch.testing.assert_close(stack(x)[index], in_one(x[index : index + 1])[0])
    # Axes between that of the stack and the last one are kept.
    y = torch.randn(3, 4, 2, 6, 3, generator=generator(9))
    torch.testing.assert_close(stack(y)[1, 2, 1], relu_mlp(sizes, generator(0))(y[1, 2, 1]))


def test_a_member_is_a_copy() -> None:
    stack = relu_mlp((3, 2), generators(1, 2))
    copied = member(stack, 1, relu_mlp((3, 2), None))
    before = {name: value.clone() for name, value in copied.state_dict().items()}
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in copied.state_dict().items())


def test_a_network_of_a_stack_gets_its_own_gradient_alone() -> None:
    stack, x = relu_mlp((3, 8, 1), generators(0, 1, 2)), torch.randn(3, 6, 3)
    gradients = torch.autograd.grad(stack(x)[1].sum(), list(stack.parameters()))
    for gradient in gradients:
        assert gradient[1].any()
        assert not gradient[[0, 2]].any()


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
    twins = TwinCritic(7, (32, 16), layer_norm, generators(3, 4))
    rng = generator(1)
    for parameter in twins.parameters():
        parameter.data.normal_(generator=rng)
    features, actions = torch.randn(2, 9, 5, generator=rng), torch.randn(2, 9, 2, generator=rng)
    values = twins(features, actions)
    assert values.shape == (2, 2, 9)
    for pair in range(2):
        for which in range(2):
            parts = (parameter[2 * pair + which] for parameter in twins.parameters())
            x = torch.cat((features[pair], actions[pair]), dim=1)
            for _ in range(2):
                x = x @ next(parts) + next(parts)
                if layer_norm:
                    width = x.var(1, unbiased=False, keepdim=True).add(1e-5).sqrt()
                    x = (x - x.mean(1, keepdim=True)) / width
                x = x.clamp(min=0.0)
            x = x @ next(parts) + next(parts)
            torch.testing.assert_close(values[pair, which], x[:, 0], rtol=1e-4, atol=1e-4)
            assert not list(parts)
    gradients = torch.autograd.grad(values[1, 0].sum(), list(twins.parameters()))
    assert all(bool(gradient[2].any()) for gradient in gradients)
    assert not any(bool(gradient[[0, 1, 3]].any()) for gradient in gradients)


def test_the_critics_of_a_pair_begin_apart_and_do_not_depend_on_other_pairs() -> None:
    alone = TwinCritic(4, (8,), True, generators(5))
    among = TwinCritic(4, (8,), True, generators(2, 5))
    for own, stacked in zip(alone.parameters(), among.parameters(), strict=True):
        assert torch.equal(own, stacked[2:])
        assert not torch.equal(own[0], own[1])


def test_sampled_actions_have_the_density_that_is_given() -> None:
    made, features = policy(actions=1).double(), torch.zeros(40_000, 3, dtype=torch.float64)
    noise = torch.randn(40_000, 1, generator=generator(1), dtype=torch.float64)
    actions, log_density = made.sample(features, noise)
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
    actions, log_density = made.sample(x, torch.randn(6, 2, generator=generator(3)))
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


def test_fast_tanh_is_tanh_and_so_is_its_gradient() -> None:
    """Over all of float32: near 0, where it saturates, and at infinity."""
    sizes = torch.logspace(-38, 38, 20_001)
    x = torch.cat((-sizes, torch.zeros(1), sizes, torch.linspace(-12.0, 12.0, 20_001)))
    x = torch.cat((x, torch.tensor([torch.inf, -torch.inf]))).requires_grad_()
    exact = torch.tanh(x.detach().double())
    outputs = fast_tanh(x)
    assert float((outputs.detach().double() - exact).abs().max()) < 2e-7
    assert float(outputs.detach().abs().max()) == 1.0
    (gradient,) = torch.autograd.grad(outputs.sum(), x)
    # 1 - tanh² doubles the error.
    assert float((gradient.double() - (1.0 - exact.square())).abs().max()) < 5e-7
    assert fast_tanh(torch.tensor([torch.nan])).isnan().all()


def test_the_gradient_of_fast_tanh_is_that_of_finite_differences() -> None:
    x = torch.linspace(-3.0, 3.0, 41, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(fast_tanh, (x,))


BF16 = 2.0**-8
"""Largest relative error of rounding to bfloat16."""


def test_products_in_bfloat16_are_close_to_those_in_single_precision() -> None:
    rng = generator(0)
    inputs, weight, bias = (
        torch.randn(shape, generator=rng) for shape in ((3, 40, 64), (3, 64, 24), (3, 1, 24))
    )
    rounded = product(inputs, weight, bias, bfloat16=True)
    assert rounded.dtype == torch.float32
    exact = product(inputs, weight, bias)
    torch.testing.assert_close(exact, inputs @ weight + bias)
    # Two factors and the bias are rounded, and the sum once more.
    most = inputs.abs() @ weight.abs() * (2 * BF16 + BF16**2) + bias.abs() * BF16
    error = (rounded - exact).abs()
    assert (error <= most + 1.1 * BF16 * exact.abs()).all()
    assert error.max() > 1e-4
    torch.testing.assert_close(product(inputs, weight, bfloat16=True), inputs @ weight, **NEAR)


NEAR: dict[str, Any] = {"rtol": 0.05, "atol": 0.15}


def test_gradients_through_bfloat16_are_close_to_those_in_single_precision() -> None:
    def gradients(rounds: bool) -> list[Tensor]:
        stack = relu_mlp((12, 64, 64, 2), generators(0, 1))
        assert isinstance(stack[0], StackedLinear)
        if rounds:
            use_bfloat16(stack)
        x = torch.randn(2, 32, 12, generator=generator(3)).requires_grad_()
        made = torch.autograd.grad(stack(x).square().sum(), [x, *stack.parameters()])
        assert {gradient.dtype for gradient in made} == {torch.float32}
        return list(made)

    for exact, rounded in zip(gradients(False), gradients(True), strict=True):
        assert not torch.equal(exact, rounded)
        assert float((exact - rounded).norm()) < 0.1 * float(exact.norm())


def test_plain_networks_are_never_rounded() -> None:
    made, x = policy(), torch.randn(4, 3, generator=generator(1))
    before = made.act(x)
    use_bfloat16(made)
    assert torch.equal(made.act(x), before)
