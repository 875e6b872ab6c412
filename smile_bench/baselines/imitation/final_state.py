"""Final-state prediction: a regression that helps to train the context encoder.

A demonstration's last state follows from its first state and the task. Predicting it from the
embedding of the task's other demonstrations trains the encoder by regression, where the
discriminator would have to discover by itself which of many products of features tell tasks apart.
No action is involved.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from smile_bench.arrays import IntArray
from smile_bench.baselines.imitation.prepared import PreparedDemonstrations
from smile_bench.learning.devices import index
from smile_bench.learning.networks import linear

__all__ = ["FinalStatePredictor", "final_state_loss"]

DEMONSTRATIONS = 16
"""Demonstrations of each task whose last states are predicted in a batch."""


class FinalStatePredictor(nn.Module):
    """A ReLU network from a demonstration's first state and an embedding to its last state.

    Args:
        observations: O, length of a normalised observation.
        embedding: Z, length of the task embedding.
        seed: of the initial weights.
    """

    def __init__(self, observations: int, embedding: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.network = nn.Sequential(
            linear(observations + embedding, 256, generator),
            nn.ReLU(),
            linear(256, 256, generator),
            nn.ReLU(),
            linear(256, observations, generator),
        )

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Last states (..., O) of demonstrations that begin in states (..., O)."""
        last: Tensor = self.network(torch.cat((states, embeddings), dim=-1))
        return last


def final_state_loss(
    predictor: FinalStatePredictor,
    data: PreparedDemonstrations,
    rng: np.random.Generator,
    generator: torch.Generator,
    *,
    tasks: IntArray,
    embeddings: Tensor,
    matrices: Tensor,
    held_out: IntArray,
) -> Tensor:
    """Mean squared error of predicted last states.

    Samples (first state, last state) pairs of held-out demonstrations, permuted like the task's
    context. Coordinates that stay constant in an episode do not count.

    Args:
        predictor: the network.
        data: the demonstrations, and the noise on first states.
        rng: samples demonstrations.
        generator: source of the noise.
        tasks: (B,).
        embeddings: of a context of each task, (B, Z).
        matrices: under which the contexts are seen, (B, L, L).
        held_out: demonstrations of each task that are not in its context, (B, R).
    """
    chosen = rng.integers(held_out.shape[1], size=(len(tasks), DEMONSTRATIONS))
    where = tasks[:, None], np.take_along_axis(held_out, chosen, axis=1)
    demonstrations = data.demonstrations
    first = data.permutations(index(demonstrations.states, *where)[..., 0, :], matrices)
    first = data.noise.of_states(first, generator)
    last = index(demonstrations.next_states, *where)[..., -1, :]
    predicted = predictor(first, embeddings[:, None].expand(-1, DEMONSTRATIONS, -1))
    loss: Tensor = (predicted - last).square()[..., demonstrations.varying].mean()
    return loss
