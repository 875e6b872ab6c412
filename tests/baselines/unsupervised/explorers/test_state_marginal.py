"""State-marginal matching: its bonus, its mixture of policies and what it visits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from smile_bench.baselines.unsupervised.explorers.state_marginal import StateMarginalMatching
from smile_bench.exploration.state_marginal import bonus
from tests.baselines.unsupervised.made import GRID, small, trainings

NAME = "state-marginal-matching"


def explorer_after(iterations: int, **changes: Any) -> StateMarginalMatching:
    training = trainings(NAME, [replace(small(NAME, GRID), **changes)])
    for _ in range(iterations):
        training.step()
    assert isinstance(training.explorer, StateMarginalMatching)
    return training.explorer


def test_the_bonus_is_that_of_the_exact_tool_for_all_states_seen_so_far() -> None:
    explorer = explorer_after(3)
    counts = explorer.histogram.counts[0].numpy()
    # 128 environments, 7 steps and 3 iterations: nothing is forgotten.
    assert counts.sum() == 128 * 7 * 3
    drawn = explorer.parts.replay.sample(explorer.parts.streams, 50)
    seen = (counts + 1.0) / (counts + 1.0).sum()
    exact = bonus(seen.astype(np.float64), np.full(64, 1.0 / 64))
    cells = drawn.ends[0, :, :64].argmax(-1).numpy()
    np.testing.assert_allclose(explorer.bonus(drawn)[0], exact[cells], atol=1e-5)


def test_former_policies_are_kept_evenly_and_episodes_follow_each_of_them() -> None:
    explorer = explorer_after(6, history=2)
    assert explorer.kept == 2
    explorer.begin(np.ones(128, np.bool_))
    assert set(explorer.chosen.flatten().tolist()) == {0, 1, 2}
    # One former policy always stays and the other always goes north.
    for policy, action in zip(explorer.former, (0, 1), strict=True):
        with torch.no_grad():
            bias = policy.layers[-1].get_parameter("bias")
            bias[..., action] = 1e4
    states = torch.zeros(1, 128, 65)
    acted = explorer.act(states).argmax(-1)
    for number, action in ((1, 0), (2, 1)):
        assert (acted[explorer.chosen == number] == action).all()
    assert len(set(acted[explorer.chosen == 0].tolist())) > 2


def test_without_a_history_the_latest_policy_acts() -> None:
    explorer = explorer_after(4, history=0)
    explorer.begin(np.ones(128, np.bool_))
    assert explorer.former == []
    assert not explorer.chosen.any()


def test_a_running_episode_keeps_its_policy() -> None:
    explorer = explorer_after(6, history=3)
    explorer.chosen.fill_(7)
    over = np.arange(128) < 5
    explorer.begin(over)
    assert (explorer.chosen[0, 5:] == 7).all()
    assert (explorer.chosen[0, :5] < 4).all()
