"""The discriminator of SMILe, its loss and its gradient penalty."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.learning.networks import StackedLinear, fast_tanh
from smile_bench.learning.products import product

__all__ = ["Discriminator", "classification_losses", "gradient_penalties"]


class Discriminator(nn.Module):
    """tanh networks from transitions and their task embedding to a logit, D = sigmoid(logit).

    Args:
        transition: T, length of a transition as it sees it: (s, a), or (s, s') state-only.
        embedding: Z, length of the task embedding.
        hidden: widths of the layers.
        generators: M, sources of the initial weights.
    """

    def __init__(
        self,
        transition: int,
        embedding: int,
        hidden: Sequence[int],
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.transition = transition
        sizes = (transition + embedding, *hidden, 1)
        self.layers = nn.ModuleList(
            StackedLinear(i, o, generators) for i, o in itertools.pairwise(sizes)
        )

    def forward(self, transitions: Tensor, embeddings: Tensor) -> Tensor:
        """Logits (M, B) of transitions (M, B, T) under embeddings (M, B, Z)."""
        return self._logits(transitions, embeddings)[0]

    def input_gradients(self, transitions: Tensor, embeddings: Tensor) -> Tensor:
        """Gradients of the logits with respect to the transitions, (M, B, T).

        They are written out as an ordinary expression of the weights and not left to
        ``autograd.grad``, so that a penalty on them needs no second differentiation of the graph.
        """
        _, activations = self._logits(transitions, embeddings)
        first, *hidden, last = self._linears
        gradient = last.weight.mT
        for layer, activation in zip(reversed(hidden), reversed(activations[1:]), strict=True):
            gradient = gradient * (1.0 - activation.square())
            gradient = product(gradient, layer.weight.mT, bfloat16=layer.rounds)
        gradient = gradient * (1.0 - activations[0].square())
        seen = first.weight[:, : self.transition].mT
        return product(gradient, seen, bfloat16=first.rounds)

    def _logits(self, transitions: Tensor, embeddings: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = torch.cat((transitions, embeddings), dim=-1)
        activations = []
        *hidden, last = self._linears
        for layer in hidden:
            x = fast_tanh(layer(x))
            activations.append(x)
        return (x * last.weight.mT).sum(-1) + last.bias[..., 0], activations

    @property
    def _linears(self) -> list[StackedLinear]:
        return [layer for layer in self.layers if isinstance(layer, StackedLinear)]


def classification_losses(expert: Tensor, other: Tensor) -> Tensor:
    """Binary cross-entropy (M,) of logits of demonstrations (M, B) and negatives (M, B') (SMILe,
    eq. 4)."""
    return functional.softplus(-expert).mean(-1) + functional.softplus(other).mean(-1)


def gradient_penalties(
    discriminator: Discriminator, one: Tensor, other: Tensor, embeddings: Tensor, mix: Tensor
) -> Tensor:
    """Means (M,) of (‖∇‖ − 1)² on random interpolates (Gulrajani et al. 2017).

    Args:
        discriminator: whose gradients.
        one: transitions (M, B, T).
        other: transitions (M, B, T).
        embeddings: (M, B, Z); no gradient flows into them.
        mix: where between the two, (M, B, 1) in [0, 1].
    """
    between = torch.lerp(one, other, mix)
    gradients = discriminator.input_gradients(between, embeddings.detach())
    return (gradients.square().sum(-1).add(1e-12).sqrt() - 1.0).square().mean(-1)
