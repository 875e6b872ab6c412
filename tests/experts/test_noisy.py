from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.envs.simulation import sample_starts
from smile_bench.errors import InputError
from smile_bench.experts.noisy import Medium, Noisy
from smile_bench.experts.policy import load_expert
from smile_bench.experts.task_blind import load_task_blind, sample_mismatched_tasks

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"


class Constant:
    """An expert whose action is always the same."""

    recipe: ClassVar[dict[str, object]] = {}
    arrays = ()

    def __init__(self, action: list[float]) -> None:
        self.action = np.array(action, np.float32)

    def act(self, observations: Any, parameters: Any, rng: Any = None) -> Any:
        return np.tile(self.action, (len(observations), 1))


def test_noise_on_torques_is_gaussian_and_clipped() -> None:
    n = 5000
    policy = Noisy(get_family(ANT), Constant([0.0, 0.5, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 0.3)
    actions = policy.act(np.empty((n, 29)), np.empty((n, 2)), np.random.default_rng(0))
    assert actions.dtype == np.float32
    assert actions.std(axis=0)[0] == pytest.approx(0.3, rel=0.05)
    assert actions.mean(axis=0)[:2] == pytest.approx([0.0, 0.5], abs=0.03)
    # The share P(Z > 0.5 / 0.3) of the second is clipped to 1, half of the third to -1.
    assert (actions[:, 1] == 1.0).mean() == pytest.approx(0.0478, abs=0.01)
    assert (actions[:, 2] == -1.0).mean() == pytest.approx(0.5, abs=0.03)
    # Independent between joints and between steps.
    assert abs(np.corrcoef(actions[:, 0], actions[:, 3])[0, 1]) < 0.05
    assert abs(np.corrcoef(actions[1:, 0], actions[:-1, 0])[0, 1]) < 0.05


def test_noise_on_discrete_actions_replaces_them_uniformly() -> None:
    n = 5000
    policy = Noisy(get_family(GRID), Constant([1.0, 0.0, 0.0, 0.0, 0.0]), 0.5)
    moves = policy.act(np.empty((n, 65)), np.empty((n, 8)), np.random.default_rng(0))
    assert moves.dtype == np.float32
    np.testing.assert_allclose(moves.mean(axis=0), [0.6, 0.1, 0.1, 0.1, 0.1], atol=0.03)
    assert (moves.sum(axis=1) == 1.0).all()
    assert set(np.unique(moves)) == {0.0, 1.0}


def test_they_need_a_generator() -> None:
    expert = load_expert(ANT)
    for policy in (
        Noisy(get_family(ANT), expert, 0.1),
        Medium(expert, expert, np.ones((1, 2)), 0.5),
    ):
        with pytest.raises(InputError, match="give them a generator"):
            policy.act(np.zeros((1, 29)), np.ones((1, 2)))


def test_their_identity_includes_their_settings() -> None:
    expert = load_expert(ANT)
    noisy, medium = (
        Noisy(get_family(ANT), expert, 0.1),
        Medium(expert, expert, np.ones((1, 2)), 0.4),
    )
    assert noisy.recipe is medium.recipe is expert.recipe
    assert (float(noisy.arrays[-1]), float(medium.arrays[-1])) == (0.1, 0.4)
    assert len(medium.arrays) == 2 * len(expert.arrays) + 1


def test_medium_at_rates_0_and_1_is_expert_and_task_blind_expert() -> None:
    family = get_family(GRID)
    expert, blind = load_expert(GRID), load_task_blind(GRID)
    table = family.table("train")
    mismatched = sample_mismatched_tasks(np.random.default_rng(0), table, np.arange(len(table)))
    simulator = family.make_simulator(len(table))
    simulator.set_tasks(table)
    simulator.reset(sample_starts(simulator, np.random.default_rng(1), table))
    seen = simulator.observe()
    for rate in (0.0, 1.0):
        medium = Medium(expert, blind, mismatched, rate)
        actions = medium.act(seen, table, np.random.default_rng(2))
        rng = np.random.default_rng(2)
        right, wrong = expert.act(seen, table, rng), blind.act(seen, mismatched, rng)
        np.testing.assert_array_equal(actions, wrong if rate else right)


def test_medium_replaces_whole_actions_at_its_rate() -> None:
    n = 5000
    right, wrong = Constant([0.0, 0.0]), Constant([1.0, -1.0])
    actions = Medium(right, wrong, np.empty((n, 1)), 0.3).act(
        np.empty((n, 3)), np.empty((n, 1)), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(actions[:, 0], -actions[:, 1])
    assert actions[:, 0].mean() == pytest.approx(0.3, abs=0.03)
