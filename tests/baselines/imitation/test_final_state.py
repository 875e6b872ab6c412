"""Final-state prediction: what is predicted, what counts, and what it trains."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smile_bench.baselines.imitation.augmentation import ConstantFeatureNoise, SignedPermutations
from smile_bench.baselines.imitation.encoder import ContextEncoder, EncoderConfig
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, final_state_losses
from smile_bench.baselines.imitation.prepared import PreparedDemonstrations
from smile_bench.batches.stacked import TaskDemonstrations
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import Streams

TASKS = torch.tensor([[7, 3], [3, 5]])
HELD_OUT = torch.tensor([[[1, 4], [9, 0]], [[2, 6], [8, 3]]])


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
    """Knows the last state of every demonstration by its first one, and adds errors (M, O)."""

    def __init__(self, data: TaskDemonstrations, errors: Tensor) -> None:
        super().__init__(data.states.shape[-1], 3, initial_generators([0, 1]))
        self.data, self.errors, self.asked = data, errors, 0

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        last = torch.empty_like(states)
        for where in torch.cartesian_prod(torch.arange(2), torch.arange(2)).tolist():
            at = tuple(where)
            task, held_out = int(TASKS[at]), HELD_OUT[at]
            firsts, ends = self.data.states[task, held_out, 0], self.data.next_states[task]
            # The coordinates that no permutation touches tell which demonstration it is.
            varying = self.data.varying
            which = (states[at][:, None, varying] == firsts[None, :, varying]).all(-1)
            assert (which.sum(1) == 1).all()
            self.asked += len(which.any(0).nonzero())
            last[at] = ends[held_out, -1][which.int().argmax(1)]
        return last + self.errors[:, None, None]


@pytest.mark.parametrize("width", [0, 4])
def test_last_states_of_held_out_demonstrations_are_predicted(
    demonstrations: TaskDemonstrations, width: int
) -> None:
    data = prepared(demonstrations, width, 0.0)
    size = demonstrations.states.shape[-1]

    def losses(*errors: Tensor) -> list[float]:
        oracle, streams = Oracle(demonstrations, torch.stack(errors)), Streams([0, 1])
        found: list[float] = final_state_losses(
            oracle,
            data,
            streams,
            tasks=TASKS,
            embeddings=torch.zeros(2, 2, 3),
            matrices=data.permutations.sample(streams, 2),
            held_out=HELD_OUT,
        ).tolist()
        # Both demonstrations of both tasks of both trainings.
        assert oracle.asked == 8
        return found

    none = torch.zeros(size)
    assert losses(none, none) == [0.0, 0.0]
    constant, varying = int(demonstrations.constant[0]), int(demonstrations.varying[0])
    # An error in a coordinate that stays constant in an episode does not count.
    assert losses(torch.eye(size)[constant], none) == [0.0, 0.0]
    share = pytest.approx(1.0 / len(demonstrations.varying))
    assert losses(none, torch.eye(size)[varying]) == [0.0, share]


def test_it_trains_the_encoder(demonstrations: TaskDemonstrations) -> None:
    config, generators = EncoderConfig(hidden=8, pooled=8, embedding=3), initial_generators([0, 1])
    encoder = ContextEncoder(demonstrations.features.shape[-1], config, generators)
    predictor = FinalStatePredictor(demonstrations.states.shape[-1], 3, generators)
    streams = Streams([0, 1])
    features, held_out = demonstrations.sample_contexts(streams, TASKS, 2, 3)
    data = prepared(demonstrations, 0, 0.1)
    losses = final_state_losses(
        predictor,
        data,
        streams,
        tasks=TASKS,
        embeddings=encoder(features),
        matrices=data.permutations.sample(streams, 2),
        held_out=held_out,
    )
    # The second training's loss alone: its own networks learn, and the first's do not.
    losses[1].backward()  # type: ignore[no-untyped-call]
    for parameter in (*encoder.parameters(), *predictor.parameters()):
        assert parameter.grad is not None
        assert parameter.grad[1].any()
        assert not parameter.grad[0].any()
