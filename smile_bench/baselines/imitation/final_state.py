"""Final-state prediction: a regression that helps to train the context encoder.

A demonstration's last state follows from its first state and the task. Predicting it from the
embedding of the task's other demonstrations trains the encoder by regression, where the
discriminator would have to discover by itself which of many products of features tell tasks apart.
No action is involved.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from smile_bench.baselines.imitation.prepared import PreparedDemonstrations
from smile_bench.learning.networks import relu_mlp
from smile_bench.learning.streams import Streams

__all__ = ["FinalStatePredictor", "final_state_losses"]

DEMONSTRATIONS = 16
"""Demonstrations of each task whose last states are predicted in a batch."""


class FinalStatePredictor(nn.Module):
    """ReLU networks from a demonstration's first state and an embedding to its last state.

    Args:
        observations: O, length of a normalised observation.
        embedding: Z, length of the task embedding.
        generators: M, sources of the initial weights.
    """

    def __init__(
        self, observations: int, embedding: int, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.network = relu_mlp((observations + embedding, 256, 256, observations), generators)

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Last states (M, ..., O) of demonstrations that begin in states (M, ..., O)."""
        last: Tensor = self.network(torch.cat((states, embeddings), dim=-1))
        return last


def final_state_losses(
    predictor: FinalStatePredictor,
    data: PreparedDemonstrations,
    streams: Streams,
    *,
    tasks: Tensor,
    embeddings: Tensor,
    matrices: Tensor,
    held_out: Tensor,
) -> Tensor:
    """Mean squared errors (M,) of predicted last states.

    Samples (first state, last state) pairs of held-out demonstrations, permuted like the task's
    context. Coordinates that stay constant in an episode do not count.

    Args:
        predictor: the networks.
        data: the demonstrations, and the noise on first states.
        streams: sample demonstrations and noise.
        tasks: (M, B).
        embeddings: of a context of each task, (M, B, Z).
        matrices: under which the contexts are seen, (M, B, L, L).
        held_out: demonstrations of each task to predict, outside its context, (M, B, R).
    """
    demonstrations = data.demonstrations
    chosen = streams.integers(held_out.shape[2], tasks.shape[1], DEMONSTRATIONS)
    first, last = demonstrations.ends_of(tasks, held_out.gather(2, chosen))
    first = data.noise.of_states(data.permutations(first, matrices), streams)
    predicted = predictor(first, embeddings[:, :, None].expand(-1, -1, DEMONSTRATIONS, -1))
    errors = (predicted - last).square()[..., demonstrations.varying]
    losses: Tensor = errors.mean((1, 2, 3))
    return losses
