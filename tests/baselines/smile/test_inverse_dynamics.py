"""Actions inferred from transitions, with and without seeing whose body moved."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from smile_bench.baselines.smile.inverse_dynamics import InverseDynamics
from smile_bench.errors import DivergedError
from smile_bench.learning.replay import Transitions

GAINS = torch.tensor([1.0, -2.0])
"""s' = s + gain · a: two bodies that the same action moves in opposite directions."""


def sample(rng: np.random.Generator, number: int) -> tuple[Transitions, np.ndarray]:
    tasks = rng.integers(2, size=number)
    states = torch.from_numpy(rng.standard_normal((number, 2)).astype(np.float32))
    actions = torch.from_numpy(rng.uniform(-0.9, 0.9, (number, 2)).astype(np.float32))
    return Transitions(states, actions, states + GAINS[tasks][:, None] * actions), tasks


def fitted(sees: int, updates: int) -> tuple[InverseDynamics, float]:
    """A model after some updates, and its mean squared error on new transitions."""
    rng = np.random.default_rng(0)
    model = InverseDynamics(2, 2, sees, torch.Generator().manual_seed(0), hidden=64)
    for _ in range(updates):
        model.update(*sample(rng, 128))
    sampled, tasks = sample(rng, 2000)
    inferred = model.infer(sampled._replace(actions=None), tasks).actions
    assert inferred is not None
    assert sampled.actions is not None
    return model, float((inferred - sampled.actions).square().mean())


@pytest.mark.slow
def test_it_finds_the_actions_if_it_sees_the_body() -> None:
    _, sees = fitted(2, 600)
    _, blind = fitted(0, 600)
    # Uniform actions in ±0.9 have a variance of 0.27.
    assert sees < 0.005
    assert blind > 0.05


def test_it_continues_to_the_same_numbers_from_its_state() -> None:
    model, _ = fitted(2, 5)
    other = InverseDynamics(2, 2, 2, torch.Generator().manual_seed(1), hidden=64)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    sampled, tasks = sample(np.random.default_rng(5), 32)
    for _ in range(3):
        assert model.update(sampled, tasks) == other.update(sampled, tasks)
    first, second = model.infer(sampled, tasks).actions, other.infer(sampled, tasks).actions
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


def test_numbers_that_are_not_finite_stop_it() -> None:
    model = InverseDynamics(2, 2, 0, torch.Generator().manual_seed(0), hidden=8)
    sampled, tasks = sample(np.random.default_rng(0), 4)
    with pytest.raises(DivergedError, match="inverse dynamics became nan"):
        model.update(sampled._replace(next_states=sampled.next_states * torch.nan), tasks)
