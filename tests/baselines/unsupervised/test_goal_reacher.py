"""The imitator that reaches goals: how it takes them, and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.baselines.unsupervised.goal_reacher import (
    GoalReacher,
    Member,
    ReacherConfig,
    make_policy,
    policy_input,
)
from smile_bench.baselines.unsupervised.goal_space import GoalConfig, GoalSpace
from smile_bench.datasets import Context
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, InputError
from smile_bench.io.tensors import read_tensors, write_tensors
from smile_bench.learning.normaliser import Normaliser

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"
CONFIGS = {
    GRID: ReacherConfig(
        family=GRID, hidden=(8,), goal=GoalConfig(features=tuple(range(64)), one_hot=True)
    ),
    ANT: ReacherConfig(
        family=ANT, hidden=(8,), goal=GoalConfig(features=(0, 1), relative=True, shown="in turn")
    ),
}


def agent(family: str = ANT, members: int = 1) -> GoalReacher:
    config, size = CONFIGS[family], get_family(family).observation_size
    made = []
    for index in range(members):
        policy = make_policy(config, torch.Generator().manual_seed(index))
        rng = np.random.default_rng(index)
        mean, scale = rng.standard_normal((2, size)).astype(np.float32)
        made.append(Member(policy, Normaliser(mean, np.abs(scale) + 0.1)))
    return GoalReacher("skew-fit", config, made, {"seed": 3})


def contexts(number: int, family: str = ANT, length: int = 4) -> list[Context]:
    rng = np.random.default_rng(0)
    size = get_family(family).observation_size
    found = []
    for _ in range(number):
        shown = rng.standard_normal((2, length, size)).astype(np.float32)
        found.append(
            Context(family=family, observations=shown, actions=None, next_observations=shown)
        )
    return found


def observations(slots: int, family: str = ANT) -> Any:
    return np.random.default_rng(1).standard_normal((slots, get_family(family).observation_size))


@pytest.mark.parametrize("family", [GRID, ANT])
def test_a_stored_agent_acts_as_before(family: str, tmp_path: Path) -> None:
    made, path = agent(family, members=2), tmp_path / "agent.safetensors"
    made.save(path)
    loaded = GoalReacher.load(path)
    assert (loaded.name, loaded.config, loaded.recipe) == (made.name, made.config, made.recipe)
    assert len(loaded.weights_sha256 or "") == 64
    given, seen = contexts(3, family), observations(3, family)
    one, other = made.adapt(given), loaded.adapt(given)
    for _ in range(2):
        assert np.array_equal(one.act(seen), other.act(seen))
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


def test_it_needs_no_actions_and_slots_are_independent() -> None:
    made, given, seen = agent(), contexts(3), observations(3)
    assert made.state_only
    together = made.adapt(given).act(seen)
    for slot in range(3):
        alone = made.adapt([given[slot]]).act(seen[[slot]])
        np.testing.assert_allclose(alone[0], together[slot], atol=1e-6)


def test_shown_in_turn_the_goal_moves_with_the_demonstration_and_then_stays() -> None:
    made, seen = agent(), observations(1)
    walk = np.random.default_rng(0).standard_normal((1, 4, 29)).astype(np.float32)
    shown = Context(family=ANT, observations=walk, actions=None, next_observations=walk)
    policy = made.adapt([shown])
    goals = [walk[0, t, :2] for t in (0, 1, 2, 3, 3, 3)]
    for goal in goals:
        assert np.array_equal(policy.act(seen), made.reach(goal, 1).act(seen))


def test_what_the_policy_sees_of_a_goal_is_the_goal_or_the_way_to_it() -> None:
    space = GoalSpace.of(ANT, CONFIGS[ANT].goal)
    states, goals = torch.zeros(1, 29), torch.tensor([[3.0, 4.0]])
    states[0, :2] = torch.tensor([1.0, 1.0])
    mean, scale = torch.full((29,), 0.5), torch.full((29,), 2.0)
    absolute = policy_input(states, goals, mean, scale, space, relative=False)
    relative = policy_input(states, goals, mean, scale, space, relative=True)
    assert absolute[0, -2:].tolist() == [1.25, 1.75]
    assert relative[0, -2:].tolist() == [1.0, 1.5]
    assert absolute[0, :3].tolist() == [0.25, 0.25, -0.25]


def test_goals_outside_the_space_and_contexts_of_others_are_refused() -> None:
    made = agent()
    with pytest.raises(InputError, match="outside the space"):
        made.reach([np.inf, 0.0], 2)
    with pytest.raises(AgentError, match="was given contexts of SmileGridGoal-v0"):
        made.adapt(contexts(1, GRID))
    with pytest.raises(AgentError, match="no contexts"):
        made.adapt([])
    with pytest.raises(AgentError, match="no policy"):
        GoalReacher("skew-fit", CONFIGS[ANT], [], {})


def damaged(path: Path, change: str) -> None:
    """Rewrite a file with one thing that is wrong."""
    file = read_tensors(path, "it", AgentError, framework="pt")
    tensors, metadata = dict(file.tensors), dict(file.metadata)
    if change == "format":
        metadata["format"] = "another"
    elif change == "nan":
        tensors["0.policy.layers.0.weight"][0, 0] = float("nan")
    elif change == "scale":
        tensors["0.normaliser.scale"][0] = 0.0
    elif change == "more":
        tensors["0.value.weight"] = torch.zeros(2)
    elif change == "shape":
        tensors["0.policy.layers.0.weight"] = torch.zeros(8, 5)
    else:
        metadata["config"] = metadata["config"].replace('"hidden"', '"width"')
    write_tensors(path, tensors, metadata, framework="pt")


@pytest.mark.parametrize("change", ["format", "nan", "scale", "more", "shape", "config"])
def test_a_damaged_file_is_one_clear_error(change: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.safetensors"
    agent().save(path)
    damaged(path, change)
    with pytest.raises(AgentError, match="goal reacher"):
        GoalReacher.load(path)


def test_the_settings_of_goals_come_back_from_the_file(tmp_path: Path) -> None:
    made = agent()
    config = replace(made.config, goal=replace(made.config.goal, shown="typical", radius=0.25))
    GoalReacher("skew-fit", config, made.members, {}).save(tmp_path / "a")
    assert GoalReacher.load(tmp_path / "a").config == config
