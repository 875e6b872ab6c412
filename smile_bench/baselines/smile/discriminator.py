"""The context-conditioned discriminator: its logit, loss and gradient penalty."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.learning.networks import linear

__all__ = ["Discriminator", "classification_loss", "gradient_penalty"]


class Discriminator(nn.Module):
    """A tanh network from transitions and their task embedding to a logit, D = sigmoid(logit).

    Args:
        transition: T, length of a transition as it sees it: (s, a), or (s, s') state-only.
        embedding: Z, length of the task embedding.
        hidden: widths of the layers.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        transition: int,
        embedding: int,
        hidden: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.transition = transition
        sizes = (transition + embedding, *hidden, 1)
        self.layers = nn.ModuleList(linear(i, o, generator) for i, o in itertools.pairwise(sizes))

    def forward(self, transitions: Tensor, embeddings: Tensor) -> Tensor:
        """Logits (B,) of transitions (B, T) under embeddings (B, Z)."""
        return self._logits(transitions, embeddings)[0]

    def input_gradients(self, transitions: Tensor, embeddings: Tensor) -> Tensor:
        """Gradients of the logits with respect to the transitions, (B, T).

        They are written out as an ordinary expression of the weights and not left to
        ``autograd.grad``, so that a penalty on them needs no second differentiation of the graph.
        """
        _, activations = self._logits(transitions, embeddings)
        *hidden, last = self._linears
        gradient = last.weight.expand(len(transitions), -1)
        for layer, activation in zip(reversed(hidden), reversed(activations), strict=True):
            gradient = (gradient * (1.0 - activation.square())) @ layer.weight
        return gradient[:, : self.transition]

    def _logits(self, transitions: Tensor, embeddings: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = torch.cat((transitions, embeddings), dim=-1)
        activations = []
        *hidden, last = self._linears
        for layer in hidden:
            x = torch.tanh(layer(x))
            activations.append(x)
        return (x * last.weight).sum(-1) + last.bias, activations

    @property
    def _linears(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


def classification_loss(expert: Tensor, other: Tensor) -> Tensor:
    """Binary cross-entropy of logits of demonstrations (B,) and negatives (B',) (SMILe, eq. 4)."""
    return functional.softplus(-expert).mean() + functional.softplus(other).mean()


def gradient_penalty(
    discriminator: Discriminator, one: Tensor, other: Tensor, embeddings: Tensor, mix: Tensor
) -> Tensor:
    """Mean of (‖∇‖ − 1)² on random interpolates (Gulrajani et al. 2017).

    Args:
        discriminator: whose gradients.
        one: transitions (B, T).
        other: transitions (B, T).
        embeddings: (B, Z); no gradient flows into them.
        mix: where between the two, (B, 1) in [0, 1].
    """
    between = torch.lerp(one, other, mix)
    gradients = discriminator.input_gradients(between, embeddings.detach())
    return (gradients.square().sum(-1).add(1e-12).sqrt() - 1.0).square().mean()
