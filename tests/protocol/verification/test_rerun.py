from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smile_bench.agents import Context
from smile_bench.protocol import evaluate, verify_result
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.verification import rerun_verified
from tests.helpers.results import (
    GRID,
    Wanderer,
    WandererPolicy,
    failed,
    forged,
    load_wanderer,
)

pytestmark = pytest.mark.usefixtures("frozen_once")


class Pooling(Wanderer):
    """Uses other slots: each plays the demonstration of its neighbour."""

    def adapt(self, contexts: Sequence[Context]) -> WandererPolicy:
        policy = super().adapt(contexts)
        policy.actions = np.roll(policy.actions, 1, axis=0)
        return policy


def test_an_agent_that_uses_other_slots_is_noticed_when_run_again(tmp_path: Path) -> None:
    evaluate(Pooling(), GRID).save(tmp_path)
    assert verify_result(tmp_path).passed
    found = verify_result(tmp_path, rerun=lambda name, family: Pooling())
    assert failed(found) == ["4 episodes alone"]
    # Another agent's actions are not the named one's.
    assert "actions again" in failed(verify_result(tmp_path, rerun=load_wanderer))


def test_the_agent_acts_again_apart_from_the_replay_as_with_it(tmp_path: Path) -> None:
    evaluate(Wanderer(), GRID).save(tmp_path / "honest")
    evaluate(Pooling(), GRID).save(tmp_path / "pooling")
    for name, load in (
        ("honest", load_wanderer),
        ("pooling", load_wanderer),
        ("pooling", lambda name, family: Pooling()),
    ):
        folder = tmp_path / name
        both = verify_result(folder, rerun=load)
        assert rerun_verified(verify_result(folder), load) == both
        assert both.passed == (name == "honest")
    # What did not pass is not read again.
    refused = verify_result(tmp_path / "nothing")
    assert rerun_verified(refused, load_wanderer) is refused


def test_a_check_that_is_weaker_by_what_the_result_states_says_so(tmp_path: Path) -> None:
    made = evaluate(Wanderer(), GRID)
    for processor, said in ((made.hardware["processor"], False), ("another", True)):
        replace(made, hardware={**made.hardware, "processor": processor}).save(tmp_path)
        found = {c.name: c for c in verify_result(tmp_path, rerun=load_wanderer).findings}
        assert found["actions again"].passed
        assert ("states another processor" in found["actions again"].detail) == said


class Hoarding(Wanderer):
    """Keeps the actions of all contexts that it has seen; every slot plays the first."""

    def __init__(self) -> None:
        self.kept: list[NDArray[np.float32]] = []

    def adapt(self, contexts: Sequence[Context]) -> WandererPolicy:
        policy = super().adapt(contexts)
        self.kept += list(policy.actions)
        policy.actions = np.stack([self.kept[0]] * len(contexts))
        return policy


def test_an_agent_that_keeps_other_contexts_is_noticed_when_run_again(tmp_path: Path) -> None:
    evaluate(Hoarding(), GRID).save(tmp_path)
    agent = Hoarding()
    found = verify_result(tmp_path, rerun=lambda name, family: agent)
    assert "4 episodes alone" in failed(found)


class Moody(Wanderer):
    """Moves at random, differently in each evaluation."""

    stochastic = True
    chances = (0.2, 0.2, 0.2, 0.2, 0.2)

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def adapt(self, contexts: Sequence[Context]) -> WandererPolicy:
        policy = super().adapt(contexts)
        moves = self.rng.choice(5, size=policy.actions.shape[:2], p=self.chances)
        policy.actions = np.eye(5, dtype=np.float32)[moves]
        return policy


def test_a_stochastic_agent_must_reach_its_score_again(tmp_path: Path) -> None:
    evaluate(Moody(0), GRID).save(tmp_path)
    found = verify_result(tmp_path, rerun=lambda name, family: Moody(1))
    assert found.passed
    assert found.findings[-1].name == "score again"
    replace(evaluate(Wanderer(), GRID), agent="lucky").save(tmp_path)
    assert "score again" in failed(verify_result(tmp_path, rerun=lambda name, family: Moody(1)))


class Helped(Moody):
    """Repeats the demonstration in a third of the tasks, and acts at random in the others."""

    def adapt(self, contexts: Sequence[Context]) -> WandererPolicy:
        policy = super().adapt(contexts)
        helped = load_meta_test(GRID).tasks % 3 == 0
        policy.actions[helped] = Wanderer().adapt(contexts).actions[helped]
        return policy


def test_a_spread_over_tasks_that_the_result_states_excuses_nothing(tmp_path: Path) -> None:
    """In a third of the tasks the result is far better than the agent that it names."""
    made = replace(evaluate(Helped(0), GRID), agent="moody")
    made.save(tmp_path)
    found = verify_result(tmp_path, rerun=lambda name, family: Moody(1))
    assert failed(found) == ["score again"]
    # A bound from the differences to what the result states would have let it pass.
    differences = evaluate(Moody(2), GRID).scores - made.scores
    error = differences.std() / np.sqrt(len(differences))
    assert abs(differences.mean()) < 4.0 * error + 0.01


def test_an_unknown_agent_is_a_failed_check(tmp_path: Path) -> None:
    folder = forged(tmp_path, agent="someone")
    found = verify_result(folder, rerun=load_wanderer)
    assert failed(found) == ["agent"]
    assert found.findings[-1].detail == "there is no someone"
