"""Variational auto-encoders of goals (Kingma and Welling 2014, arXiv:1312.6114), M at once.

p(z) is standard normal. p_θ(x | z) and q_φ(z | x) are ReLU networks. Features x are either real,
with a Gaussian p_θ(x | z) of learnt widths, or one-hot, with a softmax.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.baselines.unsupervised.discrete_sac import sampled
from smile_bench.learning.networks import relu_mlp

__all__ = ["VAE", "VAEConfig"]

LOG_WIDTH_RANGE = (-3.0, 1.0)
"""Of a Gaussian feature, in the features' units."""


@dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """Settings of the auto-encoder."""

    hidden: tuple[int, ...] = (64, 64)
    """Widths of the ReLU layers of encoder and decoder."""
    latent: int = 4
    """Length of z."""
    learning_rate: float = 1e-3
    """Of Adam."""
    batch: int = 128
    """States in an update."""
    samples: int = 8
    """Samples of z for an estimate of p_θ(x)."""


class VAE(nn.Module):
    """Encoders and decoders of M trainings.

    Args:
        features: G.
        one_hot: whether exactly one feature is 1 and the others are 0.
        config: widths.
        generators: M, sources of the initial weights.
    """

    def __init__(
        self,
        features: int,
        one_hot: bool,
        config: VAEConfig,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.features, self.one_hot, self.latent = features, one_hot, config.latent
        outputs = features if one_hot else 2 * features
        self.encoder = relu_mlp((features, *config.hidden, 2 * config.latent), generators)
        self.decoder = relu_mlp((config.latent, *config.hidden[::-1], outputs), generators)

    def bound(self, features: Tensor, noise: Tensor) -> Tensor:
        """log p(x, z) − log q(z | x) for one z of q, (M, B): an unbiased bound of log p(x).

        Args:
            features: x, (M, B, G).
            noise: standard normal, (M, B, Z).
        """
        mean, log_std = self._posterior(features)
        # The KL divergence of q from p is known, so that its part needs no sample.
        divergence = 0.5 * (mean.square() + (2.0 * log_std).exp() - 2.0 * log_std - 1.0).sum(-1)
        z = mean + log_std.exp() * noise
        return self.log_likelihood(features, z) - divergence

    def log_density(self, features: Tensor, noise: Tensor) -> Tensor:
        """log of the mean of p(x, z) / q(z | x) over S samples of z, (M, B): tends to log p(x).

        Args:
            features: x, (M, B, G).
            noise: standard normal, (M, S, B, Z).
        """
        mean, log_std = self._posterior(features)
        z = mean[:, None] + log_std.exp()[:, None] * noise
        prior, posterior = 0.5 * z.square(), 0.5 * noise.square() + log_std[:, None]
        ratios = self.log_likelihood(features[:, None], z) + (posterior - prior).sum(-1)
        return torch.logsumexp(ratios, 1) - math.log(noise.shape[1])

    def log_likelihood(self, features: Tensor, z: Tensor) -> Tensor:
        """log p_θ(x | z), (...), of features (..., G) and latents (..., Z)."""
        outputs = self.decoder(z)
        if self.one_hot:
            chosen: Tensor = (functional.log_softmax(outputs, -1) * features).sum(-1)
            return chosen
        mean, log_width = self._gaussian(outputs)
        score = (features - mean) * (-log_width).exp()
        return (-0.5 * score.square() - log_width - 0.5 * math.log(2.0 * math.pi)).sum(-1)

    def sample(self, z: Tensor, random: Tensor) -> Tensor:
        """x ~ p_θ(x | z), (M, B, G).

        Args:
            z: latents (M, B, Z), standard normal for samples of p_θ(x).
            random: (M, B, G), uniform in [0, 1) for one-hot features, else standard normal.
        """
        outputs = self.decoder(z)
        if self.one_hot:
            return sampled(functional.log_softmax(outputs, -1), random)
        mean, log_width = self._gaussian(outputs)
        return mean + log_width.exp() * random

    def _posterior(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q(z | x), (M, B, Z) each."""
        mean, log_std = torch.split(self.encoder(features), self.latent, -1)
        return mean, log_std

    def _gaussian(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw = torch.split(outputs, self.features, -1)
        low, high = LOG_WIDTH_RANGE
        return mean, low + 0.5 * (high - low) * (torch.tanh(raw) + 1.0)
