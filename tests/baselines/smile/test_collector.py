"""Collecting: what lies in the replay, and when episodes begin anew."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.smile.collector import Collector
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import TaskReplay, Transitions
from tests.helpers import synthetic


def collector(capacity: int = 500) -> tuple[Collector, Access]:
    access = Access(synthetic.FAMILY, dataset=synthetic.dataset())
    normaliser = Normaliser.of(access.demonstrations().observations)
    family, tasks = access.family, np.arange(3)
    replay = TaskReplay(len(tasks), capacity, family.observation_size, family.action_size)
    environments = access.environments(tasks, threads=1)
    return Collector(environments, normaliser, replay, torch.device("cpu")), access


def act(states: Tensor) -> Tensor:
    return 0.3 * torch.ones((len(states), synthetic.dataset().train.actions.shape[-1]))


def starts(made: Collector, steps: int) -> np.ndarray:
    """Where a transition does not go on from the one before, (N, steps - 1)."""
    rows = made.replay.tensor()[:, :steps]
    width = (rows.shape[-1] - act(rows[:, 0]).shape[-1]) // 2
    return (rows[:, 1:, :width] != rows[:, :-1, -width:]).any(-1).numpy()


def test_without_patience_episodes_last_to_their_horizon() -> None:
    made, access = collector()
    horizon = access.family.horizon
    made.collect(horizon + 20, act, np.random.default_rng(0))
    anew = starts(made, horizon + 20)
    assert (np.flatnonzero(anew[0]) == horizon - 1).all()
    assert anew.sum() == len(anew)


def test_hopeless_episodes_begin_anew_after_the_patience() -> None:
    made, access = collector()
    asked: list[Transitions] = []

    def hopeless(drawn: Transitions) -> Tensor:
        asked.append(drawn)
        lost = torch.zeros(len(drawn.states), dtype=torch.bool)
        lost[1] = True
        # A single good step in between: the count begins again.
        lost[0] = len(asked) % 4 != 0
        return lost

    made.collect(9, act, np.random.default_rng(0), hopeless=hopeless, patience=4)
    anew = starts(made, 9)
    assert np.flatnonzero(anew[1]).tolist() == [3, 7]
    assert not anew[0].any()
    assert not anew[2].any()
    assert made.hopeless_for.tolist() == [1, 1, 0]
    # What was asked about is what was kept.
    torch.testing.assert_close(asked[2].next_states, made.replay.tensor()[:, 2, -29:])
    # The count goes on where it stood.
    again, _ = collector()
    again.restore(made.tensors())
    assert again.hopeless_for.tolist() == [1, 1, 0]
    for one in (made, again):
        one.collect(
            3,
            act,
            np.random.default_rng(1),
            hopeless=lambda drawn: torch.ones(3, dtype=torch.bool),
            patience=4,
        )
        assert one.hopeless_for.tolist() == [0, 0, 3]
    assert access.counts.env_steps == 36
