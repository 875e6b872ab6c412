from __future__ import annotations

import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.experts.policy import load_base_policy, load_expert
from smile_bench.experts.task_blind import load_task_blind, sample_mismatched_tasks

WALKER = "SmileWalkerDynamics-v0"


@pytest.mark.parametrize("family", ["SmileGridGoal-v0", "SmileAntGoal-v0"])
def test_it_is_the_expert_where_tasks_have_goals(family: str) -> None:
    assert load_task_blind(family) is load_expert(family)


def test_it_is_the_base_policy_where_tasks_are_dynamics() -> None:
    assert load_task_blind(WALKER) is load_base_policy(WALKER)


def test_a_mismatched_task_is_any_other_task_of_the_table() -> None:
    table = get_family("SmileGridGoal-v0").table("validation")
    tasks = np.repeat(np.arange(len(table)), 50)
    mismatched = sample_mismatched_tasks(np.random.default_rng(0), table, tasks)
    assert not (mismatched == table[tasks]).all(axis=1).any()
    assert all(len(np.unique(mismatched[tasks == t], axis=0)) == len(table) - 1 for t in (0, 7))
