"""FinalStateSampler are the ends of other demonstrations; predicting them trains the encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import ConstantFeatureNoise, SignedPermutations
from smile_bench.baselines.imitation.demonstrations import TaskDemonstrations
from smile_bench.baselines.imitation.final_state import FinalStatePredictor, FinalStateSampler
from smile_bench.baselines.meta_bc.training import MetaBC, MetaBCConfig
from tests.helpers import synthetic


@pytest.mark.parametrize("length", [0, 4])
def test_first_and_last_states_are_of_the_remaining_demonstrations(
    demonstrations: TaskDemonstrations, length: int
) -> None:
    symmetry = SignedPermutations(demonstrations, length)
    outcomes = FinalStateSampler(symmetry, ConstantFeatureNoise(demonstrations, 0.0), 40)
    tasks, rest = np.array([7, 3]), np.array([[1, 4], [9, 0]])
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    view = symmetry.sample(rng, 2)
    first, last = outcomes.sample(rng, generator, tasks, rest, view)
    for b, task in enumerate(tasks):
        begun = symmetry(demonstrations.states[task, rest[b], 0], view[[b, b]])
        ended = demonstrations.next_states[task, rest[b], -1]
        which = (last[b][:, None] == ended[None]).all(-1)
        assert (which.sum(1) == 1).all()
        assert which.any(0).all()
        torch.testing.assert_close(first[b], begun[which.int().argmax(1)])


@torch.no_grad()
def test_only_coordinates_that_move_count() -> None:
    predictor = FinalStatePredictor(4, 3, torch.Generator().manual_seed(0))
    states, codes, moving = torch.rand(2, 5, 4), torch.rand(2, 3), torch.tensor([0, 2])
    last = predictor(states, codes[:, None].expand(-1, 5, -1))
    assert float(predictor.loss(codes, states, last, moving)) == 0.0
    assert float(predictor.loss(codes, states, last + torch.eye(4)[1], moving)) == 0.0
    # An error of 1 in one of the two that count.
    wrong = predictor.loss(codes, states, last + torch.eye(4)[2], moving)
    assert float(wrong) == pytest.approx(0.5)


def test_it_trains_the_encoder_of_meta_bc_and_leaves_the_policy() -> None:
    config = MetaBCConfig(family=synthetic.FAMILY, outcome=1.0, states_per_task=4)
    training = MetaBC(
        config, Access(synthetic.FAMILY, track="offline", dataset=synthetic.dataset())
    )
    rng, tasks = np.random.default_rng(0), np.arange(3)
    features, rest = training.train.sample_contexts(rng, tasks, 1, 3)
    view = training.symmetry.sample(rng, 3)
    first, last = training.outcomes.sample(rng, training.generator, tasks, rest, view)
    codes = training.encoder(features)
    loss = training.outcome.loss(codes, first, last, training.train.moving)
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in training.encoder.context.parameters())
    assert all(p.grad is None for p in training.policy.parameters())
