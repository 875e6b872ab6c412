"""N-step returns are sums over steps that follow each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.learning.n_step import NStepReturns
from smile_bench.learning.replay import TaskReplay
from smile_bench.learning.streams import Streams

DISCOUNT = torch.tensor([[0.5]])


def rows(*steps: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """States of one coordinate, and the next ones, of one training."""
    states, next_states = torch.tensor(steps).T[:, None, :, None]
    return states, next_states


def test_returns_end_with_the_episode() -> None:
    # Three sequences: the second is broken after its first step, the third after its second one.
    # What follows a break does not count, even if it fits.
    first = ((1.0, 2.0), (10.0, 11.0), (20.0, 21.0))
    second = ((2.0, 3.0), (50.0, 51.0), (21.0, 22.0))
    third = ((3.0, 4.0), (51.0, 52.0), (60.0, 61.0))
    sequences = NStepReturns.of(*rows(*first, *second, *third), 3)
    assert sequences.linked[0].tolist() == [[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert sequences.ends[0, :, 0].tolist() == [4.0, 11.0, 22.0]
    rewards = torch.tensor([[1.0, 10.0, 100.0, 2.0, 20.0, 200.0, 3.0, 30.0, 300.0]])
    assert sequences.returns(rewards, DISCOUNT)[0].tolist() == [1 + 1 + 0.75, 10.0, 100.0 + 100.0]
    # r₁ + γ r₂ + … + γᵐ V(end); the critic's target multiplies by the first factor γ.
    assert sequences.bootstrap_discount(DISCOUNT)[0].tolist() == [0.25, 1.0, 0.5]


def test_sequences_of_one_step_are_the_transitions() -> None:
    states, next_states = rows((1.0, 2.0), (5.0, 7.0))
    sequences, rewards = NStepReturns.of(states, next_states, 2), torch.tensor([[3.0, 4.0]])
    assert torch.equal(sequences.ends, next_states)
    assert torch.equal(sequences.returns(rewards, DISCOUNT), rewards)
    assert sequences.bootstrap_discount(DISCOUNT)[0].tolist() == [1.0, 1.0]


def test_returns_are_those_of_a_loop_over_each_training() -> None:
    rng, steps, number = np.random.default_rng(0), 4, 50
    discounts = (0.9, 0.5, 0.99)
    states = rng.normal(size=(3, steps, number, 2)).astype(np.float32)
    next_states = rng.normal(size=(3, steps, number, 2)).astype(np.float32)
    follows = rng.random((3, steps - 1, number)) < 0.7
    states[:, 1:][follows] = next_states[:, :-1][follows]
    rewards = rng.normal(size=(3, steps, number)).astype(np.float32)
    flat = [torch.from_numpy(each).flatten(1, 2) for each in (states, next_states, rewards)]
    sequences = NStepReturns.of(flat[0], flat[1], number)
    discount = torch.tensor(discounts)[:, None]
    returns, beyond = sequences.returns(flat[2], discount), sequences.bootstrap_discount(discount)
    lengths = set()
    for training, own in enumerate(discounts):
        for k in range(number):
            expected, last = float(rewards[training, 0, k]), 0
            while last + 1 < steps and follows[training, last, k]:
                last += 1
                expected += own**last * float(rewards[training, last, k])
            lengths.add(last + 1)
            assert float(returns[training, k]) == pytest.approx(expected, abs=1e-5)
            assert float(beyond[training, k]) == pytest.approx(own**last, rel=1e-5)
            end = sequences.ends[training, k].numpy()
            np.testing.assert_array_equal(end, next_states[training, last, k])
    assert lengths == {1, 2, 3, 4}


@pytest.mark.parametrize("added", [6, 8, 13])
def test_a_replay_gives_what_was_added_next(added: int) -> None:
    """Episodes of 5 steps in a ring of 8; a sequence ends with its episode or the newest step."""
    replay = TaskReplay(2, 2, 8, 1, 1)
    for step in range(added):
        state = torch.tensor([[float(step + step // 5)], [1000.0 + step + step // 5]])
        both = torch.stack((state, state + 5000.0))
        replay.add(both, torch.zeros(2, 2, 1), both + 1.0)
    tasks = torch.tensor([[0] * 200 + [1] * 200, [1] * 200 + [0] * 200])
    sampled = replay.sample_sequences(Streams((0, 1)), tasks, 3)
    sequences = NStepReturns.of(sampled.states, sampled.next_states, tasks.shape[1])
    for training in range(2):
        base = 1000.0 * tasks[training].numpy() + 5000.0 * training
        begins = sampled.states[training, : tasks.shape[1], 0].numpy() - base
        number = begins - begins // 6  # Of the step, of those that were added.
        assert set(number) == set(range(max(0, added - 8), added))
        left = np.minimum(5 - number % 5, added - number)
        linked = sequences.linked[training].sum(0).numpy()
        np.testing.assert_array_equal(linked, np.minimum(left, 3))
        ends = sequences.ends[training, :, 0].numpy() - base
        np.testing.assert_array_equal(ends, begins + np.minimum(left, 3))
