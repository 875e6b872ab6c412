"""Actions inferred from transitions, with and without seeing whose body moved."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from smile_bench.baselines.smile.inverse_dynamics import InverseDynamics
from smile_bench.learning.compute import Compute
from smile_bench.learning.replay import Transitions
from smile_bench.learning.stacking import initial_generators

GAINS = torch.tensor([1.0, -2.0])
"""s' = s + gain · a: two bodies that the same action moves in opposite directions."""


def sample(rng: torch.Generator, number: int) -> tuple[Transitions, Tensor]:
    """Of two trainings."""
    tasks = torch.randint(2, (2, number), generator=rng)
    states = torch.randn(2, number, 2, generator=rng)
    actions = 1.8 * torch.rand(2, number, 2, generator=rng) - 0.9
    return Transitions(states, actions, states + GAINS[tasks][..., None] * actions), tasks


def model(sees: int, seeds: Sequence[int] = (0, 1), hidden: int = 64) -> InverseDynamics:
    return InverseDynamics(2, 2, sees, initial_generators(seeds), Compute(), hidden=hidden)


def fitted(sees: int, updates: int) -> tuple[InverseDynamics, list[float]]:
    """Models after some updates, and their mean squared errors on new transitions."""
    rng, made = torch.Generator().manual_seed(0), model(sees)
    for _ in range(updates):
        made.update(*sample(rng, 128))
    sampled, tasks = sample(rng, 2000)
    inferred = made.infer(sampled._replace(actions=None), tasks).actions
    assert inferred is not None
    assert sampled.actions is not None
    assert not inferred.requires_grad
    return made, (inferred - sampled.actions).square().mean((1, 2)).tolist()


@pytest.mark.slow
def test_it_finds_the_actions_if_it_sees_the_body() -> None:
    _, sees = fitted(2, 600)
    _, blind = fitted(0, 600)
    # Uniform actions in ±0.9 have a variance of 0.27.
    assert max(sees) < 0.005
    assert min(blind) > 0.05


def test_the_loss_is_the_mean_squared_error() -> None:
    made = model(2)
    sampled, tasks = sample(torch.Generator().manual_seed(0), 50)
    inferred = made.infer(sampled._replace(actions=None), tasks)
    assert sampled.actions is not None
    assert inferred.actions is not None
    expected = (inferred.actions - sampled.actions).square().mean((1, 2))
    torch.testing.assert_close(made.update(sampled, tasks), expected)


def test_each_training_learns_alone() -> None:
    rng, together = torch.Generator().manual_seed(1), model(2, (3, 7))
    batches = [sample(rng, 32) for _ in range(10)]
    errors = [together.update(*batch) for batch in batches]
    for index, seed in enumerate((3, 7)):
        alone, own = model(2, (seed,)), slice(index, index + 1)
        for (sampled, tasks), error in zip(batches, errors, strict=True):
            assert sampled.actions is not None
            mine = Transitions(sampled.states[own], sampled.actions[own], sampled.next_states[own])
            expected = alone.update(mine, tasks[own])
            torch.testing.assert_close(error[own], expected, rtol=1e-5, atol=1e-6)


def test_it_continues_to_the_same_numbers_from_its_state() -> None:
    made, _ = fitted(2, 5)
    other = model(2, (8, 9))
    for index in range(2):
        other.load_state_dict(index, copy.deepcopy(made.state_dict(index)))
    sampled, tasks = sample(torch.Generator().manual_seed(5), 32)
    for _ in range(3):
        assert torch.equal(made.update(sampled, tasks), other.update(sampled, tasks))
    first, second = made.infer(sampled, tasks).actions, other.infer(sampled, tasks).actions
    assert first is not None
    assert second is not None
    assert torch.equal(first, second)


def test_numbers_that_are_not_finite_are_noted_and_stay_in_their_training() -> None:
    made, healthy = model(0, hidden=8), model(0, hidden=8)
    sampled, tasks = sample(torch.Generator().manual_seed(0), 4)
    spoilt = sampled.next_states.clone()
    spoilt[1] = torch.nan
    made.update(sampled._replace(next_states=spoilt), tasks)
    healthy.update(sampled, tasks)
    assert made.finite.failed() == [[], ["inverse dynamics"]]
    for one, other in zip(made.network.parameters(), healthy.network.parameters(), strict=True):
        assert torch.equal(one[0], other[0])
        assert other[1].isfinite().all()
