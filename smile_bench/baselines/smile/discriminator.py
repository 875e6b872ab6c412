"""The context-conditioned discriminator: its logit, loss, gradient penalty and rewards."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.learning.networks import linear

__all__ = ["REWARDS", "Discriminator", "classification_loss", "gradient_penalty"]

REWARDS: dict[str, Callable[[Tensor], Tensor]] = {
    "airl": lambda logit: logit,
    "gail": functional.logsigmoid,
    "nonsaturating": functional.softplus,
    "fairl": lambda logit: -logit * logit.clamp(max=3.0).exp(),
}
"""Reward of a logit h = log D − log(1 − D): h (AIRL, SMILe), log D (GAIL), −log(1 − D), and
−h exp(h) (FAIRL, Ghasemipour et al. 2019; the exponent is bounded)."""


class Discriminator(nn.Module):
    """A tanh network from transitions and their context's code to a logit, D = sigmoid(logit).

    Args:
        transition: T, length of what is judged: (s, a), or (s, s') state-only.
        code: Z, length of the code.
        hidden: widths of the layers.
        generator: draws the initial weights.
        projection: let the last layer's weights depend linearly on the code (projection
            discriminator, Miyato and Koyama 2018): what the layers make of a transition is then
            multiplied with the code, where a plain network has to learn products.
    """

    def __init__(
        self,
        transition: int,
        code: int,
        hidden: Sequence[int],
        generator: torch.Generator,
        *,
        projection: bool = False,
    ) -> None:
        super().__init__()
        self.transition = transition
        self.projection = linear(code, hidden[-1], generator) if projection else None
        sizes = (transition + code, *hidden, 1)
        self.layers = nn.ModuleList(linear(i, o, generator) for i, o in itertools.pairwise(sizes))

    def forward(self, transitions: Tensor, codes: Tensor) -> Tensor:
        """Logits (B,) of transitions (B, T) under codes (B, Z)."""
        return self._logits(transitions, codes)[0]

    def input_gradients(self, transitions: Tensor, codes: Tensor) -> Tensor:
        """Gradients of the logits in the transitions, (B, T).

        Written out rather than left to ``autograd.grad``, they are an ordinary expression of the
        weights: a penalty on them needs no second differentiation of the graph.
        """
        _, activations = self._logits(transitions, codes)
        *hidden, _ = self._linears
        gradient = self._last_weights(codes).expand(len(transitions), -1)
        for layer, activation in zip(reversed(hidden), reversed(activations), strict=True):
            gradient = (gradient * (1.0 - activation.square())) @ layer.weight
        return gradient[:, : self.transition]

    def _logits(self, transitions: Tensor, codes: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = torch.cat((transitions, codes), dim=-1)
        activations = []
        *hidden, last = self._linears
        for layer in hidden:
            x = torch.tanh(layer(x))
            activations.append(x)
        logits = (x * self._last_weights(codes)).sum(-1) + last.bias
        return logits, activations

    def _last_weights(self, codes: Tensor) -> Tensor:
        """Weights of the last layer, (1, H), or (B, H) where they depend on the codes (B, Z)."""
        weight = self._linears[-1].weight
        return weight if self.projection is None else weight + self.projection(codes)

    @property
    def _linears(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


def classification_loss(expert: Tensor, other: Tensor) -> Tensor:
    """Binary cross-entropy of logits (B,) of demonstrations and (B',) of others (SMILe, eq. 4)."""
    return functional.softplus(-expert).mean() + functional.softplus(other).mean()


def gradient_penalty(
    discriminator: Discriminator, one: Tensor, other: Tensor, codes: Tensor, mix: Tensor
) -> Tensor:
    """Mean of (‖∇‖ − 1)² on random interpolates (Gulrajani et al. 2017).

    Args:
        discriminator: whose gradients.
        one: transitions (B, T).
        other: transitions (B, T).
        codes: (B, Z); no gradient flows into them.
        mix: where between the two, (B, 1) in [0, 1].
    """
    between = torch.lerp(one, other, mix)
    gradients = discriminator.input_gradients(between, codes.detach())
    return (gradients.square().sum(-1).add(1e-12).sqrt() - 1.0).square().mean()
