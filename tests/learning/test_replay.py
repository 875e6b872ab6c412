"""Replay buffers keep the newest transitions, sample them uniformly, and continue exactly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from smile_bench.learning.replay import ReplayBuffer, TaskReplay, Transitions, take_rows
from smile_bench.learning.streams import Streams


def test_rows_are_taken_by_any_shape_of_indices() -> None:
    rows, where = torch.arange(12.0).view(6, 2), torch.tensor([[5, 0, 0], [2, 5, 1]])
    assert torch.equal(take_rows(rows, where), rows[where])


def test_replay_overwrites_the_oldest() -> None:
    replay = ReplayBuffer(2, 5, {"x": 2, "y": 1})
    for i in range(4):
        values = torch.tensor([[2.0 * i, 2.0 * i + 1.0], [100.0 + 2 * i, 101.0 + 2 * i]])
        replay.add(x=torch.stack((values, -values), 2), y=values[..., None])
    assert len(replay) == 5
    sampled = replay.sample(Streams((0, 1)), 400)
    assert sampled["y"].shape == (2, 400, 1)
    newest = {3.0, 4.0, 5.0, 6.0, 7.0}
    assert {*sampled["y"][0, :, 0].tolist()} == newest
    assert {*sampled["y"][1, :, 0].tolist()} == {100.0 + value for value in newest}
    assert torch.equal(sampled["x"], sampled["y"] * torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="fields"):
        replay.add(x=torch.zeros(2, 1, 2))


@pytest.mark.parametrize("added", [3, 8, 11])
def test_what_is_there_is_sampled_uniformly(added: int) -> None:
    replay, number = ReplayBuffer(2, 8, {"x": 1}), 40_000
    replay.add(x=torch.arange(float(added)).expand(2, -1)[..., None])
    sampled = replay.sample(Streams((0, 1)), number)["x"][..., 0]
    for own in sampled:
        values, counts = torch.unique(own, return_counts=True)
        assert values.tolist() == [float(k) for k in range(max(0, added - 8), added)]
        expected = number / len(values)
        # Six standard deviations of a binomial count.
        assert float((counts - expected).abs().max()) < 6.0 * expected**0.5
    assert not torch.equal(*sampled)


def test_a_buffer_continues_from_its_state() -> None:
    replay, other = (ReplayBuffer(2, 3, {"x": 1}) for _ in range(2))
    replay.add(x=torch.arange(10.0).view(2, 5, 1))
    for index in range(2):
        other.load_state_dict(index, replay.state_dict(index))
    for one in (replay, other):
        one.add(x=torch.full((2, 1, 1), 99.0))
    first, second = (one.sample(Streams((0, 1)), 200)["x"] for one in (replay, other))
    assert torch.equal(first, second)
    assert {*first[0, :, 0].tolist()} == {3.0, 4.0, 99.0}
    assert {*first[1, :, 0].tolist()} == {8.0, 9.0, 99.0}


def tasks_of(*own: list[int]) -> Tensor:
    return torch.tensor(own)


def filled(trainings: int = 2, steps: int = 6, shared_by: int = 1) -> TaskReplay:
    """Two tasks, rings of four; what a state is says whose it is and when it was added."""
    replay = TaskReplay(trainings, 2, 4, 1, 1, shared_by=shared_by)
    for step in range(steps):
        first = torch.tensor([[0.0], [100.0]]) + step
        state = torch.stack([first + 1000.0 * training for training in range(trainings)])
        replay.add(state, -state, state + 0.5)
    return replay


def test_a_ring_a_task_keeps_its_own_transitions() -> None:
    replay, other = filled(), TaskReplay(2, 2, 4, 1, 1)
    for index in range(2):
        other.load_state_dict(index, replay.state_dict(index))
    tasks = tasks_of([0] * 100 + [1] * 100, [1] * 100 + [0] * 100)
    for one in (replay, other):
        sampled = one.sample(Streams((0, 1)), tasks)
        assert sampled.actions is not None
        newest = {2.0, 3.0, 4.0, 5.0}
        for training, half, base in ((0, 0, 0.0), (0, 1, 100.0), (1, 0, 1100.0), (1, 1, 1000.0)):
            own = sampled.states[training, 100 * half : 100 * half + 100, 0]
            assert {*own.tolist()} == {base + value for value in newest}
        assert torch.equal(sampled.actions, -sampled.states)
        assert torch.equal(sampled.next_states, sampled.states + 0.5)


def test_a_group_samples_from_the_rings_of_all_its_trainings() -> None:
    replay = filled(trainings=4, shared_by=2)
    tasks = tasks_of(*[[0] * 300 + [1] * 300] * 4)
    states = replay.sample(Streams(range(4)), tasks).states[..., 0]
    for training, own in enumerate(states):
        group = [1000.0 * (training // 2 * 2), 1000.0 * (training // 2 * 2 + 1)]
        for half, base in ((own[:300], 0.0), (own[300:], 100.0)):
            expected = {whose + base + step for whose in group for step in (2.0, 3.0, 4.0, 5.0)}
            assert {*half.tolist()} == expected
    assert not torch.equal(states[0], states[1])


def test_a_training_that_stopped_early_does_not_hold_the_others_back() -> None:
    replay, behind, resumed = filled(steps=6), filled(steps=3), TaskReplay(2, 2, 4, 1, 1)
    resumed.load_state_dict(0, behind.state_dict(0))
    resumed.load_state_dict(1, replay.state_dict(1))
    assert (resumed.added, len(resumed)) == (6, 4)
    tasks = tasks_of([0, 1], [1, 0])
    first, second = (one.sample(Streams((0, 1)), tasks).states for one in (replay, resumed))
    assert torch.equal(first[1], second[1])


def test_transitions_are_joined_and_overwritten() -> None:
    one = Transitions(torch.zeros(1, 2, 1), torch.zeros(1, 2, 1), torch.zeros(1, 2, 1))
    other = Transitions(torch.ones(1, 1, 1), None, torch.ones(1, 1, 1))
    joined = one.followed_by(other)
    assert joined.states[0, :, 0].tolist() == [0.0, 0.0, 1.0]
    assert joined.actions is None
    with_actions = other._replace(actions=torch.ones(1, 1, 1))
    changed = one.overwritten(torch.tensor([1]), with_actions)
    assert changed.actions is not None
    assert changed.actions[0, :, 0].tolist() == [0.0, 1.0]
    assert one.overwritten(torch.tensor([1]), other).actions is None
    assert one.states[0, :, 0].tolist() == [0.0, 0.0]


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the fields \['x'\], got \['y'\]"):
        ReplayBuffer(1, 2, {"x": 1}).add(y=torch.zeros(1, 1, 1))
