"""Trainings of the goal-conditioned agents: what they learn from, and what they continue to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.unsupervised.config import CollectionConfig
from smile_bench.baselines.unsupervised.explorers import proposed_goals
from smile_bench.baselines.unsupervised.goal_reacher import GoalReacher
from smile_bench.baselines.unsupervised.presets import PRESETS, preset
from smile_bench.baselines.unsupervised.training import GoalTrainings
from smile_bench.errors import DivergedError, InputError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from tests.baselines.unsupervised.made import ANT, GRID, accesses, small, trainings
from tests.helpers.cycles import nothing_read

CASES = [(name, family) for family in (GRID, ANT) for name in PRESETS[1:]]
CASES.append(("proposed-goals", GRID))


def config_of(name: str, family: str, seed: int = 0) -> Any:
    """Small settings; each agent has something that the others lack."""
    config = small(name, family, seed, validate_every=4 if family == GRID else 0)
    if name == "model-error":
        config = replace(config, model=replace(config.model, improvement=True), explore_every=2)
    if name == "proposed-goals":
        config = replace(config, goal=replace(config.goal, proposed=0.2, final=0.1))
    if family == ANT:
        config = replace(config, sac=replace(config.sac, n_step=3, target_entropy=-4.0))
    return config


def stored(training: GoalTrainings, path: Path, index: int = 0) -> bytes:
    save_checkpoint(path, training.state_dict(index))
    return path.read_bytes()


def log_of(training: GoalTrainings) -> Mapping[str, float]:
    (log,) = training.step()
    assert not isinstance(log, DivergedError)
    return log


@pytest.mark.parametrize(("name", "family"), CASES)
def test_resuming_gives_the_numbers_of_the_uninterrupted_training(
    name: str, family: str, tmp_path: Path
) -> None:
    config = config_of(name, family)
    whole, cut, resumed = (trainings(name, [config]) for _ in range(3))
    logs = [log_of(whole) for _ in range(5)]
    assert (family == GRID) == any(key.startswith("validation/") for key in logs[3])
    for _ in range(3):
        cut.step()
    save_checkpoint(tmp_path / "cut", cut.state_dict(0))
    resumed.load_state_dict([load_checkpoint(tmp_path / "cut")])
    assert [log_of(resumed), log_of(resumed)] == logs[3:]
    assert stored(whole, tmp_path / "whole") == stored(resumed, tmp_path / "resumed")


@pytest.mark.parametrize("name", PRESETS)
def test_a_seed_gives_the_same_training_alone_and_among_others(name: str) -> None:
    configs = [config_of(name, GRID, seed) for seed in (5, 0, 2)]
    together = trainings(name, configs)
    steps = [together.step() for _ in range(3)]
    for index, config in enumerate(configs):
        alone = trainings(name, [config])
        for step in steps:
            (own,), mine = alone.step(), step[index]
            assert not isinstance(own, DivergedError)
            assert not isinstance(mine, DivergedError)
            assert own.keys() == mine.keys()
            for key, value in own.items():
                assert mine[key] == pytest.approx(value, rel=1e-3, abs=1e-4), key
        first, second = (each.state_dict(i) for each, i in ((together, index), (alone, 0)))
        assert first["access"].keys() == second["access"].keys()
        replays = [state["members"][0]["replay"]["rows"] for state in (first, second)]
        assert torch.equal(*replays)


def test_a_batch_has_the_rewards_and_discounts_that_a_hand_counts() -> None:
    config = small("proposed-goals", ANT)
    goal = replace(config.goal, future=0.5, final=0.2, relative=False, reward="distance")
    config = replace(config, goal=goal, batch=40, sac=replace(config.sac, n_step=3, discount=0.9))
    training = trainings("proposed-goals", [config])
    for _ in range(3):
        training.step()
    streams = training.streams
    streams.begin()
    before = [streams.state_dict(0)]
    batch = training.goal_batch()
    streams.load_state_dict(0, before[0])
    drawn = training.replay.sample(streams, 40, 3)
    later = training.replay.later(drawn, streams)[0, :, :2].numpy()
    last = training.replay.last(drawn)[0, :, :2].numpy()
    anywhere = training.replay.anywhere(streams, 12)[0, :, :2].numpy()
    goals = np.concatenate((later[:20], last[20:28], anywhere))
    assert len(np.unique(drawn.left)) > 3
    for row in range(40):
        reward, steps = 0.0, min(3, int(drawn.left[0, row]))
        for k in range(steps):
            reached = drawn.following[0, row, k, :2].numpy()
            reward -= 0.9**k * float(np.linalg.norm(reached - goals[row])) / 0.1
        assert float(batch.rewards[0, row]) == pytest.approx(reward, rel=1e-4, abs=1e-5)
        assert float(batch.continues[0, row]) == pytest.approx(0.9 ** (steps - 1), rel=1e-5)
    statistics = training.parts.statistics
    shown = (torch.from_numpy(goals) - statistics.mean[0, :, :2]) / statistics.scale[0, :, :2]
    torch.testing.assert_close(batch.features[0, :, -2:], shown.clamp(-10, 10))
    torch.testing.assert_close(batch.features[..., :-2], statistics(drawn.states))
    torch.testing.assert_close(batch.next_features[0, :, -2:], shown.clamp(-10, 10))


def test_random_actions_are_kept_for_some_steps_and_not_into_the_next_episode() -> None:
    config = small("proposed-goals", GRID)
    collection = CollectionConfig(env_steps=25, hold=3, random_iterations=1, episodes=2)
    training = trainings("proposed-goals", [replace(config, collection=collection)])
    training.step()
    rows = training.replay.state_dict(0)["rows"][0]
    acted = rows[:, 65:].argmax(-1)
    # An episode has 20 steps and 21 rows.
    assert all(len(acted[start : start + 3].unique()) == 1 for start in (0, 3, 15, 21))
    assert len({tuple(acted[start : start + 1].tolist()) for start in range(0, 18, 3)}) > 1


def test_it_never_asks_for_demonstrations_and_counts_what_it_used() -> None:
    (access,) = accesses(GRID, 1)
    config = small("skew-fit", GRID)
    training = proposed_goals.make_trainings("skew-fit", [config], [access])
    log = log_of(training)
    assert access.counts.demonstrations == 0
    assert access.counts.env_steps == 7 * 2 * access.tasks() == log["charts/env_steps"]
    coverage = access.coverage
    assert coverage is not None
    assert log["charts/coverage"] == coverage.share > 0.9
    recipe = training.agent(0, {"seed": 0}).recipe
    assert recipe["access"]["env_steps"] == access.counts.env_steps
    assert recipe["settings"]["alpha"] == -1.0


def test_members_act_by_the_mean_of_their_actions(tmp_path: Path) -> None:
    training = trainings("skew-fit", [small("skew-fit", ANT, members=2)])
    for _ in range(2):
        training.step()
    agent = training.agent(0, {})
    assert len(agent.members) == 2
    observations = np.random.default_rng(0).standard_normal((4, 29))
    goal = np.array([1.0, 0.5])
    both = agent.reach(goal, 4).act(observations)
    each = [
        GoalReacher("skew-fit", agent.config, [own], {}).reach(goal, 4).act(observations)
        for own in agent.members
    ]
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-6)
    agent.save(tmp_path / "agent.safetensors")
    loaded = GoalReacher.load(tmp_path / "agent.safetensors")
    assert np.array_equal(loaded.reach(goal, 4).act(observations), both)


def test_a_training_that_diverges_stops_and_the_others_continue() -> None:
    configs = [small("skew-fit", GRID, seed) for seed in (0, 1)]
    training = trainings("skew-fit", configs)
    for _ in range(2):
        training.step()
    with torch.no_grad():
        training.sac.policy.layers[0].weight[1] = float("nan")
    stopped, running = training.step()[1], training.step()[0]
    assert isinstance(stopped, DivergedError)
    assert "critic" in str(stopped)
    assert not isinstance(running, DivergedError)
    assert np.isfinite(running["losses/critic"])


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"alpha": 0.5}, r"alpha is 0.5; give a number in \[-1, 0\]"),
        ({"alpha": -1.5}, "alpha is -1.5"),
        ({"propose_every": 0}, "propose_every is 0"),
        ({"family": ANT}, "the settings are for SmileAntGoal-v0"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(
    changes: Mapping[str, Any], match: str
) -> None:
    config = replace(small("skew-fit", GRID), **changes)
    with pytest.raises(InputError, match=match):
        proposed_goals.make_trainings("skew-fit", [config], accesses(GRID, 1))


def test_shares_of_goals_above_one_are_refused() -> None:
    config = small("skew-fit", GRID)
    config = replace(config, goal=replace(config.goal, future=0.7, final=0.4))
    with pytest.raises(InputError, match="whose sum is at most 1"):
        trainings("skew-fit", [config])


def test_an_explorer_without_a_model_of_goals_proposes_none() -> None:
    config = small("model-error", GRID)
    config = replace(config, goal=replace(config.goal, proposed=0.5, future=0.1))
    training = trainings("model-error", [config])
    training.step()
    with pytest.raises(InputError, match="ModelError proposes no goals"):
        training.step()


def test_an_access_without_environments_is_refused() -> None:
    access = Access(GRID, track="offline")
    with pytest.raises(InputError, match="learns by acting"):
        proposed_goals.make_trainings("skew-fit", [small("skew-fit", GRID)], [access])


def test_on_the_grid_the_goal_of_a_demonstration_is_reached() -> None:
    """A random walk scores about 0 here, and the expert 38."""
    config: Any = replace(preset("skew-fit", GRID), validate_every=0)
    training = proposed_goals.make_trainings("skew-fit", [config], accesses(GRID, 1))
    for _ in range(14):
        training.step()
    scored = training.access.validate(training.agent(0, {}), episodes=2)
    assert scored["episode_return"] > 18.0


@pytest.mark.parametrize(("name", "family"), CASES)
def test_updates_read_nothing_from_the_device(name: str, family: str) -> None:
    training = trainings(name, [config_of(name, family, seed) for seed in range(2)])
    with nothing_read() as keys:
        for _ in range(2):
            training.step()
    assert len(keys) == 6
    assert len({*keys}) >= 2
