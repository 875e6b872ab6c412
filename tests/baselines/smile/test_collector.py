"""Collecting: what the replay holds, and when episodes restart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.baselines.smile.collector import Collector
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import TaskReplay, Transitions
from tests.helpers import synthetic


def collector(stall_limit: int = 0) -> tuple[Collector, Access]:
    access = Access(synthetic.FAMILY, dataset=synthetic.dataset())
    normaliser = Normaliser.of(access.demonstrations().observations)
    family, tasks = access.family, np.arange(3)
    replay = TaskReplay(len(tasks), 500, family.observation_size, family.action_size)
    environments = access.environments(tasks, threads=1)
    device = torch.device("cpu")
    return Collector(environments, normaliser, replay, device, stall_limit), access


def act(states: Tensor) -> Tensor:
    return 0.3 * torch.ones((len(states), synthetic.dataset().train.actions.shape[-1]))


def starts(made: Collector, steps: int) -> np.ndarray:
    """Where a transition does not continue the one before, (N, steps - 1)."""
    rows = made.replay.state_dict()["rows"][:, :steps]
    width = (rows.shape[-1] - act(rows[:, 0]).shape[-1]) // 2
    breaks: np.ndarray = (rows[:, 1:, :width] != rows[:, :-1, -width:]).any(-1).numpy()
    return breaks


def test_without_a_stall_limit_episodes_last_to_their_horizon() -> None:
    made, access = collector()
    horizon = access.family.horizon
    made.collect(horizon + 20, act, np.random.default_rng(0))
    restarts = starts(made, horizon + 20)
    assert (np.flatnonzero(restarts[0]) == horizon - 1).all()
    assert restarts.sum() == len(restarts)


def test_stalled_episodes_restart_at_the_limit() -> None:
    made, access = collector(stall_limit=4)
    asked: list[Transitions] = []

    def stalled(sampled: Transitions) -> np.ndarray:
        asked.append(sampled)
        lost = np.zeros(len(sampled.states), np.bool_)
        lost[1] = True
        # A single good step in between restarts the count.
        lost[0] = len(asked) % 4 != 0
        return lost

    made.collect(9, act, np.random.default_rng(0), stalled)
    restarts = starts(made, 9)
    assert np.flatnonzero(restarts[1]).tolist() == [3, 7]
    assert not restarts[0].any()
    assert not restarts[2].any()
    assert made.stalled_steps.tolist() == [1, 1, 0]
    # The function is asked about what is stored.
    torch.testing.assert_close(asked[2].next_states, made.replay.state_dict()["rows"][:, 2, -29:])
    # A resumed collector continues the count.
    again, _ = collector(stall_limit=4)
    again.load_state_dict(made.state_dict())
    assert again.stalled_steps.tolist() == [1, 1, 0]
    for one in (made, again):
        one.collect(
            3,
            act,
            np.random.default_rng(1),
            lambda sampled: np.ones(3, np.bool_),
        )
        assert one.stalled_steps.tolist() == [0, 0, 3]
    assert access.counts.env_steps == 36
