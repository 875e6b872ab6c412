"""Replay of episodes: what follows a transition, and what its episode reached later."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from smile_bench.baselines.unsupervised.episode_replay import EpisodeReplay
from smile_bench.learning.streams import Streams

HORIZON, EPISODES = 4, 3


def filled(steps: int, environments: int = 2, trainings: int = 2) -> EpisodeReplay:
    """States tell training, environment, episode and step; actions are those of their state."""
    replay = EpisodeReplay(trainings, environments, EPISODES, HORIZON, 4, 4)
    for step in range(steps):
        episode, t = divmod(step, HORIZON)
        state = torch.tensor(
            [[[m, n, episode, t] for n in range(environments)] for m in range(trainings)],
            dtype=torch.float32,
        )
        after = state.clone()
        after[..., 3] += 1
        replay.add(state, state, after)
    return replay


def last_step(steps: int, episode: Tensor) -> Tensor:
    """The step of the last state of an episode so far."""
    return (steps - episode * HORIZON).clamp(max=HORIZON)


# Two steps, whole episodes, within one, just full, and overwriting the oldest in the middle.
@pytest.mark.parametrize("steps", [2, 8, 10, 12, 13, 15, 16, 27])
def test_transitions_are_of_one_episode_and_so_is_what_follows(steps: int) -> None:
    replay, streams = filled(steps), Streams([0, 1])
    drawn = replay.sample(streams, 400, 3)
    assert torch.equal(drawn.states, drawn.actions)
    training, environment, episode, t = drawn.states.unbind(-1)
    assert (training == torch.tensor([[0.0], [1.0]])).all()
    assert set(environment.flatten().tolist()) == {0.0, 1.0}
    found = {(int(e), int(t)) for e, t in drawn.states[0, :, 2:].tolist()}
    # Where an old episode is overwritten, the row that has the new state and the old action is out.
    first = max(0, steps - replay.capacity)
    first += first % HORIZON > 0
    assert found == {divmod(step, HORIZON) for step in range(first, steps)}
    end = last_step(steps, episode)
    assert torch.equal(drawn.left.float(), end - t)
    ahead = torch.arange(1.0, 4.0)
    assert torch.equal(drawn.following[..., 3], torch.minimum(t[..., None] + ahead, end[..., None]))
    assert torch.equal(drawn.linked, (t[..., None] + ahead <= end[..., None]).float())
    assert torch.equal(drawn.following[..., 2], episode[..., None].expand(-1, -1, 3))
    assert torch.equal(drawn.ends, drawn.following[:, :, -1])


@pytest.mark.parametrize("steps", [2, 10, 14])
def test_goals_in_hindsight_are_of_the_same_episode_and_later(steps: int) -> None:
    replay, streams = filled(steps), Streams([0, 1])
    drawn = replay.sample(streams, 300)
    later, last = replay.later(drawn, streams), replay.last(drawn)
    for states in (later, last):
        assert torch.equal(states[..., :3], drawn.states[..., :3])
    end = last_step(steps, drawn.states[..., 2])
    assert torch.equal(last[..., 3], end)
    assert (later[..., 3] > drawn.states[..., 3]).all()
    assert (later[..., 3] <= end).all()
    first = drawn.states[..., 3] == 0
    assert len(set(later[..., 3][first].tolist())) == min(steps, HORIZON)


def test_goals_from_anywhere_are_all_states_that_a_step_led_to() -> None:
    anywhere = filled(10).anywhere(Streams([0, 1]), 500)
    seen = {tuple(row) for row in anywhere[1].tolist()}
    reached = [(0, t) for t in range(1, 5)] + [(1, t) for t in range(1, 5)] + [(2, 1), (2, 2)]
    assert seen == {(1.0, float(n), float(e), float(t)) for n in range(2) for e, t in reached}


def test_transitions_are_sampled_equally_often() -> None:
    replay = filled(12, environments=1, trainings=1)
    drawn = replay.sample(Streams([3]), 12_000).states[0, :, 2:]
    counts = Counter(map(tuple, drawn.tolist()))
    assert len(counts) == 12
    assert all(abs(count - 1000) < 150 for count in counts.values())


@pytest.mark.parametrize("steps", [3, 14])
def test_a_stored_replay_continues_as_it_would_have(steps: int) -> None:
    replay, restored = filled(steps), EpisodeReplay(2, 2, EPISODES, HORIZON, 4, 4)
    for index in range(2):
        restored.load_state_dict(index, replay.state_dict(index))
    assert len(restored) == len(replay)
    one, other = (each.sample(Streams([5, 6]), 50, 2) for each in (replay, restored))
    assert torch.equal(one.states, other.states)
    assert torch.equal(one.following, other.following)
