"""Outcome prediction: what else a context's code must tell, besides what the discriminator asks.

A demonstration's last state follows from its first and from the task. Predicting it from the code
of the task's other demonstrations trains the encoder by regression, where the discriminator has to
find out by itself which of many products of features tell tasks apart. No action is involved.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smile_bench.baselines.networks import linear

__all__ = ["OutcomePredictor"]


class OutcomePredictor(nn.Module):
    """A ReLU network from a demonstration's first state and a code to its last state.

    Args:
        observations: O, length of a normalised observation.
        code: Z, length of the code.
        generator: draws the initial weights.
    """

    def __init__(self, observations: int, code: int, generator: torch.Generator) -> None:
        super().__init__()
        self.network = nn.Sequential(
            linear(observations + code, 256, generator),
            nn.ReLU(),
            linear(256, 256, generator),
            nn.ReLU(),
            linear(256, observations, generator),
        )

    def forward(self, states: Tensor, codes: Tensor) -> Tensor:
        """Last states (..., O) of demonstrations that begin in states (..., O)."""
        last: Tensor = self.network(torch.cat((states, codes), dim=-1))
        return last

    def loss(self, codes: Tensor, first: Tensor, last: Tensor, moving: Tensor) -> Tensor:
        """Mean squared error over the coordinates that an episode does not keep constant.

        Args:
            codes: of other demonstrations of the tasks, (B, Z).
            first: states that Q demonstrations of each task begin in, (B, Q, O).
            last: those that they end in, (B, Q, O).
            moving: which coordinates count.
        """
        predicted = self(first, codes[:, None].expand(-1, first.shape[1], -1))
        loss: Tensor = (predicted - last).square()[..., moving].mean()
        return loss
