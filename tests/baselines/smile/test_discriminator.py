"""The discriminator against known density ratios, and its derivatives against autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from smile_bench.baselines.smile.discriminator import (
    Discriminator,
    classification_losses,
    gradient_penalties,
)
from smile_bench.learning.networks import use_bfloat16


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_its_optimum_is_the_log_density_ratio_under_the_embedding() -> None:
    """Of two at once, with experts on opposite sides."""
    mean, rng = torch.tensor([[[0.6, -0.3]], [[-0.6, 0.3]]]), generator(1)
    net = Discriminator(2, 1, (32, 32), [generator(0), generator(1)])
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for step in range(600):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * (1.0 - step / 600)
        embeddings = torch.sign(torch.randn(2, 512, 1, generator=rng))
        # Under +1 the expert is N(mean, 1) and the other N(-mean, 1); under -1, reversed.
        expert = embeddings * mean + torch.randn(2, 512, 2, generator=rng)
        other = -embeddings * mean + torch.randn(2, 512, 2, generator=rng)
        logits = net(torch.cat((expert, other), 1), torch.cat((embeddings, embeddings), 1))
        loss = classification_losses(*logits.chunk(2, 1)).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    x = torch.randn(500, 2, generator=rng)
    for embedding in (1.0, -1.0):
        learnt = net(x.expand(2, -1, -1), torch.full((2, 500, 1), embedding)).detach()
        # log N(x; mean, 1) − log N(x; −mean, 1) = 2 mean · x.
        for own, direction in zip(learnt, mean[:, 0], strict=True):
            error = own - embedding * 2.0 * (x @ direction)
            assert float(error.abs().mean()) < 0.15
            both = torch.stack((own, embedding * (x @ direction)))
            assert float(torch.corrcoef(both)[0, 1]) > 0.98


def double(hidden: tuple[int, ...] = (16, 8)) -> Discriminator:
    return Discriminator(5, 3, hidden, [generator(0), generator(1)]).double()


def inputs(n: int = 7) -> tuple[Tensor, Tensor]:
    rng = generator(2)
    x = torch.randn(2, n, 5, generator=rng, dtype=torch.float64)
    return x, torch.randn(2, n, 3, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("hidden", [(16,), (16, 8), (8, 16, 4)])
def test_input_gradients_equal_autograd_and_finite_differences(hidden: tuple[int, ...]) -> None:
    net, (x, embeddings) = double(hidden), inputs()
    ours = net.input_gradients(x, embeddings)
    x.requires_grad_()
    (expected,) = torch.autograd.grad(net(x, embeddings).sum(), x)
    torch.testing.assert_close(ours, expected)
    with torch.no_grad():
        for column in range(5):
            step = torch.zeros(5, dtype=torch.float64)
            step[column] = 1e-6
            slope = (net(x + step, embeddings) - net(x - step, embeddings)) / 2e-6
            torch.testing.assert_close(ours[..., column], slope, atol=1e-7, rtol=1e-6)


def test_logits_are_those_of_tanh_layers() -> None:
    net, (x, embeddings) = double(), inputs()
    weights = list(net.parameters())
    for index in range(2):
        y = torch.cat((x[index], embeddings[index]), 1)
        for weight, bias in ((weights[0], weights[1]), (weights[2], weights[3])):
            y = torch.tanh(y @ weight[index] + bias[index])
        y = y @ weights[4][index] + weights[5][index]
        torch.testing.assert_close(net(x, embeddings)[index], y[:, 0])


def test_the_penalty_is_that_of_the_interpolates_and_trains_the_weights() -> None:
    net, (one, embeddings) = double(), inputs()
    other = inputs(14)[0][:, 7:]
    mix = torch.rand(2, 7, 1, generator=generator(3), dtype=torch.float64)
    embeddings.requires_grad_()
    ours = gradient_penalties(net, one, other, embeddings, mix)
    between = ((1.0 - mix) * one + mix * other).requires_grad_()
    held = embeddings.detach()
    (slopes,) = torch.autograd.grad(net(between, held).sum(), between, create_graph=True)
    expected = (slopes.norm(dim=-1) - 1.0).square().mean(-1)
    torch.testing.assert_close(ours, expected)
    # A bias of the last layer, alone, does not change the slopes.
    weights = [weight for name, weight in net.named_parameters() if name != "layers.2.bias"]
    for index in range(2):
        for mine, reference in zip(
            torch.autograd.grad(ours[index], weights, retain_graph=True),
            torch.autograd.grad(expected[index], weights, retain_graph=True),
            strict=True,
        ):
            torch.testing.assert_close(mine, reference)
            assert mine[index].any()
            assert not mine[1 - index].any()
    (to_embeddings,) = torch.autograd.grad(ours.sum(), [embeddings], allow_unused=True)
    assert to_embeddings is None


def test_the_penalty_of_a_flat_discriminator_is_finite() -> None:
    """The root has no slope at 0."""
    net, (one, embeddings) = double(), inputs()
    with torch.no_grad():
        net.get_parameter("layers.2.weight").zero_()
    mix = torch.zeros(2, 7, 1, dtype=torch.float64)
    penalties = gradient_penalties(net, one, one, embeddings, mix)
    torch.testing.assert_close(penalties, torch.ones_like(penalties), atol=1e-5, rtol=0.0)
    gradients = torch.autograd.grad(penalties.sum(), net.get_parameter("layers.2.weight"))
    assert gradients[0].isfinite().all()


def test_the_loss_is_binary_cross_entropy_of_each_side() -> None:
    expert = torch.tensor([[2.0, -1.0, 30.0], [0.0, 0.0, 0.0]])
    other = torch.tensor([[0.5, -40.0], [3.0, 1.0]])
    losses = classification_losses(expert, other)
    bce = functional.binary_cross_entropy_with_logits
    for index in range(2):
        expected = bce(expert[index], torch.ones(3)) + bce(other[index], torch.zeros(2))
        torch.testing.assert_close(losses[index], expected)


def test_products_in_bfloat16_change_logits_and_slopes_a_little() -> None:
    exact, rounded = (Discriminator(5, 3, (64, 64), [generator(0), generator(1)]) for _ in "ab")
    use_bfloat16(rounded)
    x, embeddings = (part.float() for part in inputs(50))
    for one, other in (
        (exact(x, embeddings), rounded(x, embeddings)),
        (exact.input_gradients(x, embeddings), rounded.input_gradients(x, embeddings)),
    ):
        assert not torch.equal(one, other)
        assert float((one - other).detach().norm()) < 0.05 * float(one.detach().norm())
