"""Networks of soft actor-critic: a tanh-squashed Gaussian policy and twin critics."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SquashedGaussianPolicy", "TwinCritic", "linear", "orthogonal_mlp"]

LOG_STD_RANGE = (-5.0, 2.0)
"""Of the Gaussian before tanh."""


def linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    """A linear layer with PyTorch's default initialisation.

    Args:
        inputs: length of the input.
        outputs: length of the output.
        generator: source of the weights; without one they have a shape and no memory, and wait to
            be loaded.
    """
    # Made without memory first: the constructor would use torch's global generator.
    layer = nn.Linear(inputs, outputs, device="meta")
    if generator is None:
        return layer
    layer = layer.to_empty(device="cpu")
    bound = 1.0 / math.sqrt(inputs)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def orthogonal_mlp(inputs: int, hidden: int, outputs: int, last_gain: float) -> nn.Sequential:
    """Two tanh layers with orthogonal weights."""
    layers = [nn.Linear(inputs, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, outputs)]
    for layer, gain in zip(layers, (math.sqrt(2.0), math.sqrt(2.0), last_gain), strict=True):
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])


class SquashedGaussianPolicy(nn.Module):
    """A Gaussian before tanh, state-dependent in mean and width (SAC, appendix C).

    Args:
        features: F, length of the input.
        actions: A, length of an action in [-1, 1].
        hidden: widths of the ReLU layers.
        generator: source of the initial weights, as :func:`linear` takes it.
    """

    def __init__(
        self, features: int, actions: int, hidden: Sequence[int], generator: torch.Generator | None
    ) -> None:
        super().__init__()
        sizes = (features, *hidden, 2 * actions)
        self.layers = nn.ModuleList(linear(i, o, generator) for i, o in itertools.pairwise(sizes))
        self.actions = actions

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation before tanh, (..., A) each, of features (..., F)."""
        x = features
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x), inplace=True)
        mean, raw = self.layers[-1](x).split(self.actions, dim=-1)
        low, high = LOG_STD_RANGE
        return mean, low + 0.5 * (high - low) * (torch.tanh(raw) + 1.0)

    def sample(self, features: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sample actions by reparametrisation.

        Returns:
            Actions (..., A) in [-1, 1] and their log density (...).
        """
        mean, log_std = self(features)
        noise = torch.randn(mean.shape, dtype=mean.dtype, generator=generator).to(mean.device)
        before_tanh = mean + log_std.exp() * noise
        return torch.tanh(before_tanh), self.log_density(mean, log_std, before_tanh)

    @staticmethod
    def log_density(mean: Tensor, log_std: Tensor, before_tanh: Tensor) -> Tensor:
        """Log density (...) of ``tanh(before_tanh)``, (..., A) (SAC, eq. 21).

        log(1 - tanh(u)²) is computed as 2 (log 2 - u - softplus(-2u)), which stays exact where
        tanh saturates.
        """
        z = (before_tanh - mean) * torch.exp(-log_std)
        gaussian = -0.5 * z.square() - log_std - 0.5 * math.log(2.0 * math.pi)
        slope = 2.0 * (math.log(2.0) - before_tanh - functional.softplus(-2.0 * before_tanh))
        return (gaussian - slope).sum(-1)

    @torch.no_grad()
    def act(self, features: Tensor) -> Tensor:
        """The deterministic actions (..., A): tanh of the mean."""
        mean, _ = self(features)
        return torch.tanh(mean)


class TwinCritic(nn.Module):
    """Two independent Q networks of one shape.

    Args:
        inputs: length of features and action together.
        hidden: widths of the ReLU layers.
        layer_norm: normalise before each ReLU.
        generator: source of the initial weights.
    """

    def __init__(
        self, inputs: int, hidden: Sequence[int], layer_norm: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList()
        for _ in range(2):
            layers: list[nn.Module] = []
            for before, width in itertools.pairwise((inputs, *hidden)):
                layers.append(linear(before, width, generator))
                layers += [nn.LayerNorm(width)] if layer_norm else []
                layers.append(nn.ReLU(inplace=True))
            layers.append(linear((inputs, *hidden)[-1], 1, generator))
            self.networks.append(nn.Sequential(*layers))

    def forward(self, features: Tensor, actions: Tensor) -> Tensor:
        """Values (2, B) of features (B, F) and actions (B, A)."""
        x = torch.cat((features, actions), dim=-1)
        return torch.stack([network(x).squeeze(-1) for network in self.networks])
