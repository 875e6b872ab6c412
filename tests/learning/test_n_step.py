"""N-step returns are sums over steps that follow each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.learning.n_step import NStepReturns
from smile_bench.learning.replay import TaskReplay

DISCOUNT = 0.5


def rows(*steps: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """States of one coordinate, and the next ones."""
    states, next_states = torch.tensor(steps).T[..., None]
    return states, next_states


def test_returns_end_with_the_episode() -> None:
    # Three sequences: the second is broken after its first step, the third after its second one.
    # What follows a break does not count, even if it fits.
    first = ((1.0, 2.0), (10.0, 11.0), (20.0, 21.0))
    second = ((2.0, 3.0), (50.0, 51.0), (21.0, 22.0))
    third = ((3.0, 4.0), (51.0, 52.0), (60.0, 61.0))
    sequences = NStepReturns.of(*rows(*first, *second, *third), 3)
    assert sequences.linked.tolist() == [[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert sequences.ends[:, 0].tolist() == [4.0, 11.0, 22.0]
    rewards = torch.tensor([1.0, 10.0, 100.0, 2.0, 20.0, 200.0, 3.0, 30.0, 300.0])
    assert sequences.returns(rewards, DISCOUNT).tolist() == [1 + 1 + 0.75, 10.0, 100.0 + 100.0]
    # r₁ + γ r₂ + … + γᵐ V(end); the critic's target multiplies by the first factor γ.
    assert sequences.bootstrap_discount(DISCOUNT).tolist() == [0.25, 1.0, 0.5]


def test_sequences_of_one_step_are_the_transitions() -> None:
    states, next_states = rows((1.0, 2.0), (5.0, 7.0))
    sequences, rewards = NStepReturns.of(states, next_states, 2), torch.tensor([3.0, 4.0])
    assert torch.equal(sequences.ends, next_states)
    assert torch.equal(sequences.returns(rewards, DISCOUNT), rewards)
    assert sequences.bootstrap_discount(DISCOUNT).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("added", [6, 8, 13])
def test_a_replay_gives_what_was_added_next(added: int) -> None:
    """Episodes of 5 steps in a ring of 8; a sequence ends with its episode or the newest step."""
    replay, rng = TaskReplay(2, 8, 1, 1), np.random.default_rng(0)
    for step in range(added):
        state = torch.tensor([[float(step + step // 5)], [1000.0 + step + step // 5]])
        replay.add(state, torch.zeros(2, 1), state + 1.0)
    tasks = np.repeat([0, 1], 200)
    sampled = replay.sample_sequences(rng, tasks, 3)
    sequences = NStepReturns.of(sampled.states, sampled.next_states, len(tasks))
    begins = sampled.states[: len(tasks), 0].numpy() - 1000.0 * tasks
    number = begins - begins // 6  # Of the step, of those that were added.
    assert set(number) == set(range(max(0, added - 8), added))
    left = np.minimum(5 - number % 5, added - number)
    np.testing.assert_array_equal(sequences.linked.sum(0).numpy(), np.minimum(left, 3))
    np.testing.assert_array_equal(
        sequences.ends[:, 0].numpy() - 1000.0 * tasks, begins + np.minimum(left, 3)
    )
