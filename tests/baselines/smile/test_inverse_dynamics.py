"""Actions inferred from transitions, with and without being told whose body moved."""

from __future__ import annotations

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


def fitted(told: int) -> tuple[InverseDynamics, float]:
    """A model after 1500 updates, and its mean squared error on new transitions."""
    rng = np.random.default_rng(0)
    model = InverseDynamics(2, 2, told, torch.Generator().manual_seed(0), hidden=64)
    for _ in range(1500):
        model.update(*sample(rng, 256))
    drawn, tasks = sample(rng, 2000)
    inferred = model.infer(drawn._replace(actions=None), tasks).actions
    assert inferred is not None
    assert drawn.actions is not None
    return model, float((inferred - drawn.actions).square().mean())


def test_told_the_body_it_finds_the_actions_and_untold_it_can_not() -> None:
    _, told = fitted(2)
    _, untold = fitted(0)
    # Uniform actions in ±0.9 have a variance of 0.27.
    assert told < 0.005
    assert untold > 0.05


def test_it_goes_on_to_the_same_numbers_from_what_it_stored() -> None:
    model, _ = fitted(2)
    other = InverseDynamics(2, 2, 2, torch.Generator().manual_seed(1), hidden=64)
    other.restore({name: tensor.clone() for name, tensor in model.tensors().items()})
    drawn, tasks = sample(np.random.default_rng(5), 32)
    for _ in range(3):
        assert model.update(drawn, tasks) == other.update(drawn, tasks)
    first, second = model.infer(drawn, tasks).actions, other.infer(drawn, tasks).actions
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


def test_numbers_that_are_not_finite_stop_it() -> None:
    model = InverseDynamics(2, 2, 0, torch.Generator().manual_seed(0), hidden=8)
    drawn, tasks = sample(np.random.default_rng(0), 4)
    with pytest.raises(DivergedError, match="inverse dynamics became nan"):
        model.update(drawn._replace(next_states=drawn.next_states * torch.nan), tasks)
