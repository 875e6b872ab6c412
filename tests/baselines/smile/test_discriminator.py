"""The discriminator against known density ratios, and its derivatives against autograd."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from smile_bench.baselines.smile.discriminator import (
    Discriminator,
    classification_loss,
    gradient_penalty,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_its_optimum_is_the_log_density_ratio_under_the_embedding() -> None:
    mean, rng = torch.tensor([0.6, -0.3]), generator(1)
    net = Discriminator(2, 1, (32, 32), generator())
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for step in range(600):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * (1.0 - step / 600)
        embeddings = torch.sign(torch.randn(512, 1, generator=rng))
        # Under +1 the expert is N(mean, 1) and the other N(-mean, 1); under -1, reversed.
        expert = embeddings * mean + torch.randn(512, 2, generator=rng)
        other = -embeddings * mean + torch.randn(512, 2, generator=rng)
        logits = net(torch.cat((expert, other)), torch.cat((embeddings, embeddings)))
        loss = classification_loss(*logits.chunk(2))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    x = torch.randn(500, 2, generator=rng)
    for embedding in (1.0, -1.0):
        learnt = net(x, torch.full((500, 1), embedding)).detach()
        # log N(x; mean, 1) − log N(x; −mean, 1) = 2 mean · x.
        error = learnt - embedding * 2.0 * (x @ mean)
        assert float(error.abs().mean()) < 0.15
        assert float(torch.corrcoef(torch.stack((learnt, embedding * (x @ mean))))[0, 1]) > 0.98


def double(hidden: tuple[int, ...] = (16, 8)) -> Discriminator:
    return Discriminator(5, 3, hidden, generator()).double()


def inputs(n: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    rng = generator(2)
    x = torch.randn(n, 5, generator=rng, dtype=torch.float64)
    return x, torch.randn(n, 3, generator=rng, dtype=torch.float64)


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
            torch.testing.assert_close(ours[:, column], slope, atol=1e-7, rtol=1e-6)


def test_the_penalty_is_that_of_the_interpolates_and_trains_the_weights() -> None:
    net, (one, embeddings) = double(), inputs()
    other = inputs(14)[0][7:]
    mix = torch.rand(7, 1, generator=generator(3), dtype=torch.float64)
    embeddings.requires_grad_()
    ours = gradient_penalty(net, one, other, embeddings, mix)
    between = ((1.0 - mix) * one + mix * other).requires_grad_()
    held = embeddings.detach()
    (slopes,) = torch.autograd.grad(net(between, held).sum(), between, create_graph=True)
    expected = (slopes.norm(dim=-1) - 1.0).square().mean()
    torch.testing.assert_close(ours, expected)
    # A bias of the last layer, alone, does not change the slopes.
    weights = [weight for name, weight in net.named_parameters() if name != "layers.2.bias"]
    for mine, reference in zip(
        torch.autograd.grad(ours, weights, retain_graph=True),
        torch.autograd.grad(expected, weights),
        strict=True,
    ):
        torch.testing.assert_close(mine, reference)
    (to_embeddings,) = torch.autograd.grad(ours, [embeddings], allow_unused=True)
    assert to_embeddings is None


def test_the_loss_is_binary_cross_entropy_of_each_side() -> None:
    expert, other = torch.tensor([2.0, -1.0, 30.0]), torch.tensor([0.5, -40.0])
    bce = functional.binary_cross_entropy_with_logits
    expected = bce(expert, torch.ones(3)) + bce(other, torch.zeros(2))
    torch.testing.assert_close(classification_loss(expert, other), expected)
