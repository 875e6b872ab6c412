"""Replay buffers keep the newest transitions, and continue from their state."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.learning.replay import ReplayBuffer, TaskReplay, Transitions


def test_replay_overwrites_the_oldest() -> None:
    replay = ReplayBuffer(5, {"x": 2, "y": 1})
    for i in range(4):
        values = np.array([2.0 * i, 2.0 * i + 1.0])
        replay.add(x=np.stack((values, -values), axis=1), y=values)
    assert len(replay) == 5
    sampled = replay.sample(np.random.default_rng(0), 400)
    assert set(sampled["y"][:, 0]) == {3.0, 4.0, 5.0, 6.0, 7.0}
    np.testing.assert_array_equal(sampled["x"], sampled["y"] * np.array([1.0, -1.0]))
    with pytest.raises(ValueError, match="fields"):
        replay.add(x=np.zeros((1, 2)))


def test_a_buffer_continues_from_its_state() -> None:
    replay, other = (ReplayBuffer(3, {"x": 1}) for _ in range(2))
    replay.add(x=np.arange(5.0))
    other.load_state_dict(replay.state_dict())
    for one in (replay, other):
        one.add(x=np.array([9.0]))
    seen = [set(one.sample(np.random.default_rng(0), 200)["x"][:, 0]) for one in (replay, other)]
    assert seen[0] == seen[1] == {3.0, 4.0, 9.0}


def test_a_ring_a_task_keeps_its_own_transitions() -> None:
    replay = TaskReplay(2, 4, 1, 1)
    for step in range(6):
        state = torch.tensor([[float(step)], [100.0 + step]])
        replay.add(state, -state, state + 0.5)
    other = TaskReplay(2, 4, 1, 1)
    other.load_state_dict(replay.state_dict())
    tasks = np.repeat([0, 1], 100)
    for one in (replay, other):
        sampled = one.sample(np.random.default_rng(0), tasks)
        assert sampled.actions is not None
        assert {*sampled.states[:100, 0].tolist()} == {2.0, 3.0, 4.0, 5.0}
        assert {*sampled.states[100:, 0].tolist()} == {102.0, 103.0, 104.0, 105.0}
        assert torch.equal(sampled.actions, -sampled.states)
        assert torch.equal(sampled.next_states, sampled.states + 0.5)


def test_transitions_are_joined_and_overwritten() -> None:
    one = Transitions(torch.zeros(2, 1), torch.zeros(2, 1), torch.zeros(2, 1))
    other = Transitions(torch.ones(1, 1), None, torch.ones(1, 1))
    joined = one.followed_by(other)
    assert joined.states[:, 0].tolist() == [0.0, 0.0, 1.0]
    assert joined.actions is None
    changed = one.overwritten(np.array([1]), other._replace(actions=torch.ones(1, 1)))
    assert changed.actions is not None
    assert changed.actions[:, 0].tolist() == [0.0, 1.0]
    assert one.states[:, 0].tolist() == [0.0, 0.0]


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the fields \['x'\], got \['y'\]"):
        ReplayBuffer(2, {"x": 1}).add(y=np.zeros(1))
