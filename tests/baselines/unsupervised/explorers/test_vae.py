"""The goals' auto-encoder on a case small enough for quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from smile_bench.baselines.unsupervised.explorers.vae import VAE, VAEConfig
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import Streams

CONFIG = VAEConfig(hidden=(6,), latent=1)
POINTS = torch.linspace(-8.0, 8.0, 4001, dtype=torch.float64)
"""Where z is integrated over."""


def vae(one_hot: bool, features: int = 3) -> VAE:
    return VAE(features, one_hot, CONFIG, initial_generators([0, 1])).double()


def cells(trainings: int = 2) -> Tensor:
    """All values of a one-hot feature, (M, 3, 3)."""
    return torch.eye(3, dtype=torch.float64).expand(trainings, -1, -1)


def exact(model: VAE, features: Tensor) -> Tensor:
    """log p(x), (M, B), by the trapezium rule over z."""
    prior = -0.5 * POINTS.square() - 0.5 * math.log(2.0 * math.pi)
    z = POINTS[None, :, None, None].expand(len(features), -1, features.shape[1], -1)
    given = model.log_likelihood(features[:, None], z)
    return torch.logsumexp(given + prior[None, :, None], 1) + math.log(16.0 / 4000)


def test_chances_of_one_hot_features_sum_to_one() -> None:
    model = vae(one_hot=True)
    total = exact(model, cells()).exp().sum(1)
    torch.testing.assert_close(total, torch.ones(2, dtype=torch.float64), rtol=0.0, atol=1e-10)


def test_the_density_of_real_features_integrates_to_one() -> None:
    model = vae(one_hot=False, features=1)
    grid = torch.linspace(-25.0, 25.0, 1001, dtype=torch.float64)
    features = grid[None, :, None].expand(2, -1, -1)
    total = exact(model, features).exp().sum(1) * 0.05
    torch.testing.assert_close(total, torch.ones(2, dtype=torch.float64), rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("one_hot", [True, False])
def test_the_bound_is_below_and_the_estimate_tends_to_the_density(one_hot: bool) -> None:
    model, features = vae(one_hot), cells()
    noise = Streams([3, 4]).normal(20_000, 3, 1).double()
    with torch.no_grad():
        density = exact(model, features)
        bound = model.bound(
            features[:, :, None].expand(-1, -1, 20_000, -1).flatten(1, 2),
            noise.transpose(1, 2).flatten(1, 2),
        ).view(2, 3, 20_000)
        estimate = model.log_density(features, noise)
    assert (bound.mean(-1) < density + 1e-3).all()
    # q at the initial weights is not the posterior.
    assert (bound.mean(-1) < density - 0.1).any()
    torch.testing.assert_close(estimate, density, rtol=0.0, atol=0.05)
    few = torch.stack([model.log_density(features, noise[:, k : k + 1]) for k in range(2000)])
    assert (few.mean(0) < density + 0.01).all()


@pytest.mark.parametrize("one_hot", [True, False])
def test_the_gradient_of_the_bound_is_that_of_differences(one_hot: bool) -> None:
    model, features = vae(one_hot), cells()
    noise = Streams([3, 4]).normal(3, 1).double()
    parameters = list(model.parameters())
    gradients = torch.autograd.grad(model.bound(features, noise).sum(), parameters)
    largest = 0.0
    for parameter, gradient in zip(parameters, gradients, strict=True):
        flat, expected = parameter.data.view(-1), gradient.reshape(-1)
        for place in range(0, len(flat), 3):
            values, kept = [], float(flat[place])
            for change in (1e-5, -1e-5):
                flat[place] = kept + change
                values.append(float(model.bound(features, noise).sum().detach()))
            flat[place] = kept
            slope = (values[0] - values[1]) / 2e-5
            assert slope == pytest.approx(float(expected[place]), rel=1e-6, abs=1e-8)
            largest = max(largest, abs(slope))
    assert largest > 0.1


def test_samples_follow_the_model() -> None:
    model, streams, number = vae(one_hot=True).float(), Streams([5, 6]), 40_000
    with torch.no_grad():
        found = model.sample(streams.normal(number, 1), streams.uniform(number, 3)).mean(1)
        expected = exact(model.double(), cells()).exp()
    torch.testing.assert_close(found.double(), expected, rtol=0.0, atol=0.01)
    real = vae(one_hot=False, features=1).float()
    with torch.no_grad():
        drawn = real.sample(streams.normal(number, 1), streams.normal(number, 1))
        grid = torch.linspace(-25.0, 25.0, 1001, dtype=torch.float64)[None, :, None]
        density = exact(real.double(), grid.expand(2, -1, -1)).exp() * 0.05
    mean = (density * grid[..., 0]).sum(1)
    torch.testing.assert_close(drawn.mean((1, 2)).double(), mean, rtol=0.0, atol=0.03)
