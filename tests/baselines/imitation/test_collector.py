"""Collecting: what the replay holds, and when episodes restart."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from smile_bench.access import Access
from smile_bench.access.together import environments_together
from smile_bench.arrays import BoolArray
from smile_bench.baselines.imitation.collector import Collector
from smile_bench.learning.devices import CPU
from smile_bench.learning.normaliser import Normaliser
from smile_bench.learning.replay import TaskReplay, Transitions
from tests.helpers import synthetic

TASKS = np.arange(3)


def collector(stall_limit: int = 0, trainings: int = 1) -> tuple[Collector, list[Access]]:
    first = Access(synthetic.FAMILY, dataset=synthetic.dataset())
    accesses = [first, *(first.fresh() for _ in range(trainings - 1))]
    normaliser = Normaliser.of(first.demonstrations().observations)
    family = first.family
    replay = TaskReplay(trainings, 3, 500, family.observation_size, family.action_size)
    environments = environments_together(accesses, TASKS, threads=1)
    return Collector(environments, normaliser, replay, CPU, stall_limit), accesses


def act(states: Tensor) -> Tensor:
    size = synthetic.dataset().train.actions.shape[-1]
    return 0.3 * states[..., :size].tanh()


def rngs(*seeds: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in seeds]


def rows(made: Collector, training: int = 0) -> Tensor:
    """Stored transitions (N, steps, …)."""
    assert isinstance(made.replay, TaskReplay)
    stored: Tensor = made.replay.state_dict(training)["rows"]
    return stored


def starts(made: Collector, training: int = 0) -> BoolArray:
    """Where a transition does not continue the one before, (N, steps - 1)."""
    stored = rows(made, training)
    width = made.environments.observe().shape[-1]
    breaks: BoolArray = (stored[:, 1:, :width] != stored[:, :-1, -width:]).any(-1).numpy()
    return breaks


def test_without_a_stall_limit_episodes_last_to_their_horizon() -> None:
    made, (access,) = collector()
    horizon = access.family.horizon
    made.collect(horizon + 20, act, rngs(0))
    restarts = starts(made)
    assert (np.flatnonzero(restarts[0]) == horizon - 1).all()
    assert restarts.sum() == len(restarts)


def test_stalled_episodes_restart_at_the_limit() -> None:
    made, (access,) = collector(stall_limit=4)
    asked: list[Transitions] = []

    def stalled(sampled: Transitions) -> BoolArray:
        asked.append(sampled)
        lost = np.zeros(sampled.states.shape[1], np.bool_)
        lost[1] = True
        # A single good step in between restarts the count.
        lost[0] = len(asked) % 4 != 0
        return lost

    made.collect(9, act, rngs(0), stalled)
    restarts = starts(made)
    assert np.flatnonzero(restarts[1]).tolist() == [3, 7]
    assert not restarts[0].any()
    assert not restarts[2].any()
    assert made.stalled_steps.tolist() == [1, 1, 0]
    # The function is asked about what is stored.
    torch.testing.assert_close(asked[2].next_states[0], rows(made)[:, 2, -29:])
    # A resumed collector continues the count.
    again, _ = collector(stall_limit=4)
    again.load_state_dict([made.state_dict(0, 1)])
    assert again.stalled_steps.tolist() == [1, 1, 0]
    for one in (made, again):
        one.collect(3, act, rngs(1), lambda sampled: np.ones(3, np.bool_))
        assert one.stalled_steps.tolist() == [0, 0, 3]
    assert access.counts.env_steps == 36


def test_trainings_collect_what_each_would_alone() -> None:
    """Also where one restarts its episodes and the others do not."""

    def stalled(sampled: Transitions) -> BoolArray:
        lost: BoolArray = (torch.sin(1e3 * sampled.states[..., 5]) > 0.0).flatten().numpy()
        return lost

    together, accesses = collector(2, trainings=3)
    seeds = (4, 0, 9)
    sources = rngs(*seeds)
    for _ in range(2):
        together.collect(15, act, sources, stalled)
    restarts = 0
    for index, seed in enumerate(seeds):
        alone, (access,) = collector(2)
        own = rngs(seed)
        for _ in range(2):
            alone.collect(15, act, own, stalled)
        assert torch.equal(rows(together, index), rows(alone))
        mine = together.stalled_steps[3 * index : 3 * index + 3]
        np.testing.assert_array_equal(mine, alone.stalled_steps)
        assert access.counts.env_steps == accesses[index].counts.env_steps == 90
        assert sources[index].random() == own[0].random()
        restarts += int(starts(alone).sum())
    assert restarts > 0


def test_each_training_continues_from_its_own_state() -> None:
    whole, _ = collector(trainings=2)
    whole.collect(5, act, rngs(0, 1))
    states = [copy.deepcopy(whole.state_dict(index, 2)) for index in range(2)]
    resumed, _ = collector(trainings=2)
    resumed.load_state_dict(states)
    for made in (whole, resumed):
        made.collect(5, act, rngs(2, 3))
    for index in range(2):
        assert torch.equal(rows(whole, index)[:, 5:], rows(resumed, index))


def test_a_training_that_stopped_before_its_first_episode_does_not_restart_the_others() -> None:
    whole, _ = collector(trainings=2)
    empty = copy.deepcopy(whole.state_dict(0, 2))
    whole.collect(5, act, rngs(0, 1))
    resumed, _ = collector(trainings=2)
    resumed.load_state_dict([empty, copy.deepcopy(whole.state_dict(1, 2))])
    for made in (whole, resumed):
        made.collect(5, act, rngs(2, 3))
    assert torch.equal(rows(whole, 1)[:, 5:], rows(resumed, 1))


def test_actions_that_are_not_finite_do_not_reach_the_environments() -> None:
    """They are a diverged training's; the others' environments go on."""

    def spoilt(states: Tensor) -> Tensor:
        actions = act(states)
        actions[1] = torch.nan
        return actions

    poisoned, _ = collector(trainings=2)
    poisoned.collect(4, spoilt, rngs(0, 1))
    healthy, _ = collector(trainings=2)
    healthy.collect(4, act, rngs(0, 1))
    assert torch.equal(rows(poisoned, 0), rows(healthy, 0))
    width = poisoned.environments.observe().shape[-1]
    assert rows(poisoned, 1)[..., width:-width].isnan().all()
    assert rows(poisoned, 1)[..., -width:].isfinite().all()
