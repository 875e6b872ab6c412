"""StepResult prediction: what else a context's code must tell, besides what the discriminator asks.

A demonstration's last state follows from its first and from the task. Predicting it from the code
of the task's other demonstrations trains the encoder by regression, where the discriminator has to
find out by itself which of many products of features tell tasks apart. No action is involved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.augmentation import ConstantFeatureNoise, SignedPermutations
from smile_bench.learning.devices import index
from smile_bench.learning.networks import linear

__all__ = ["FinalStatePredictor", "FinalStateSampler"]


class FinalStatePredictor(nn.Module):
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


@dataclass(frozen=True)
class FinalStateSampler:
    """What there is to predict of the demonstrations that the symmetry is of."""

    symmetry: SignedPermutations
    noise: ConstantFeatureNoise
    number: int
    """Q, demonstrations of a task at a time."""

    def sample(
        self,
        rng: np.random.Generator,
        generator: torch.Generator,
        tasks: IntArray,
        rest: IntArray,
        view: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """First states, noisy and seen under the tasks' symmetry, and last states.

        Args:
            rng: draws demonstrations.
            generator: draws the noise.
            tasks: (B,).
            rest: the demonstrations of each task to draw from, (B, R).
            view: matrices of the symmetry, (B, L, L).

        Returns:
            Both (B, Q, O).
        """
        chosen = rng.integers(rest.shape[1], size=(len(tasks), self.number))
        where = tasks[:, None], np.take_along_axis(rest, chosen, axis=1)
        data = self.symmetry.demonstrations
        first = self.symmetry(index(data.states, *where)[..., 0, :], view)
        first = self.noise(first[..., None, :], generator)[..., 0, :]
        return first, index(data.next_states, *where)[..., -1, :]
