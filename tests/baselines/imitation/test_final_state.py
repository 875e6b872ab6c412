"""Final-state prediction: what is predicted, what counts, and what it trains."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.baselines.imitation.augmentation import ConstantFeatureNoise, SignedPermutations
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.encoder import ContextEncoder, EncoderConfig
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, final_state_loss
from smile_bench.baselines.imitation.prepared import PreparedDemonstrations

TASKS, HELD_OUT = np.array([7, 3]), np.array([[1, 4], [9, 0]])


def prepared(
    demonstrations: TaskDemonstrations, width: int, noise: float
) -> PreparedDemonstrations:
    return PreparedDemonstrations(
        demonstrations.normaliser,
        None,
        demonstrations,
        ConstantFeatureNoise(demonstrations, noise),
        SignedPermutations(demonstrations, width),
    )


class Oracle(FinalStatePredictor):
    """Knows the last state of every demonstration by its first one, and adds an error."""

    def __init__(self, data: TaskDemonstrations, error: Tensor) -> None:
        super().__init__(data.states.shape[-1], 3, 0)
        self.data, self.error, self.asked = data, error, 0

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        last = torch.empty_like(states)
        for b, task in enumerate(TASKS):
            firsts = self.data.states[task, HELD_OUT[b], 0]
            ends = self.data.next_states[task, HELD_OUT[b], -1]
            # The coordinates that no permutation touches tell which demonstration it is.
            near = states[b][:, None, self.data.varying] == firsts[None, :, self.data.varying]
            which = near.all(-1)
            assert (which.sum(1) == 1).all()
            self.asked += len(which.any(0).nonzero())
            last[b] = ends[which.int().argmax(1)]
        return last + self.error


@pytest.mark.parametrize("width", [0, 4])
def test_last_states_of_held_out_demonstrations_are_predicted(
    demonstrations: TaskDemonstrations, width: int
) -> None:
    data = prepared(demonstrations, width, 0.0)
    size = demonstrations.states.shape[-1]

    def loss(error: Tensor) -> float:
        oracle = Oracle(demonstrations, error)
        rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
        value = final_state_loss(
            oracle,
            data,
            rng,
            generator,
            tasks=TASKS,
            embeddings=torch.zeros(2, 3),
            matrices=data.permutations.sample(rng, 2),
            held_out=HELD_OUT,
        )
        # Both demonstrations of both tasks.
        assert oracle.asked == 4
        return float(value)

    assert loss(torch.zeros(size)) == 0.0
    constant, varying = int(demonstrations.constant[0]), int(demonstrations.varying[0])
    # An error in a coordinate that stays constant in an episode does not count.
    assert loss(torch.eye(size)[constant]) == 0.0
    assert loss(torch.eye(size)[varying]) == pytest.approx(1.0 / len(demonstrations.varying))


def test_it_trains_the_encoder(demonstrations: TaskDemonstrations) -> None:
    config = EncoderConfig(hidden=8, pooled=8, embedding=3)
    encoder = ContextEncoder(demonstrations.features.shape[-1], config, torch.Generator())
    predictor = FinalStatePredictor(demonstrations.states.shape[-1], 3, 0)
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    features, held_out = demonstrations.sample_contexts(rng, TASKS, 2, 3)
    data = prepared(demonstrations, 0, 0.1)
    loss = final_state_loss(
        predictor,
        data,
        rng,
        generator,
        tasks=TASKS,
        embeddings=encoder(features),
        matrices=data.permutations.sample(rng, 2),
        held_out=held_out,
    )
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter in (*encoder.parameters(), *predictor.parameters()):
        assert parameter.grad is not None
        assert parameter.grad.any()
