"""The goal-conditioned agents by name: from a training through its access to stored weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.baselines import get_agent
from smile_bench.baselines.training import train_agent
from smile_bench.baselines.unsupervised.presets import PRESETS
from smile_bench.envs import get_family
from tests.baselines.unsupervised.made import ANT, GRID, small


@pytest.mark.parametrize(
    ("name", "family"), [(name, GRID) for name in PRESETS] + [("skew-fit", ANT)]
)
def test_every_agent_is_trained_by_name(name: str, family: str, tmp_path: Path) -> None:
    path = train_agent(
        name, family, tmp_path, seed=3, configure=lambda config: small(name, family, config.seed)
    )
    assert path == tmp_path / f"{family}.safetensors"
    agent: Any = get_agent(name).read_weights(path, family)
    recipe = agent.recipe
    assert recipe["command"] == f"smile-bench train --agent {name} --family {family} --seed 3"
    assert (recipe["track"], recipe["settings"]["seed"]) == ("unsupervised", 3)
    assert "condition" not in recipe
    assert recipe["access"]["demonstrations"] == 0
    tasks = len(get_family(family).table("train"))
    assert recipe["access"]["env_steps"] == 6 * 7 * 2 * tasks
    assert 0.0 < recipe["coverage"]["share"] <= 1.0
    goal = np.eye(64)[9] if family == GRID else np.array([1.0, 1.0])
    policy = agent.reach(goal, 2)
    size = get_family(family).observation_size
    assert policy.act(np.zeros((2, size))).shape == (2, get_family(family).action_size)
