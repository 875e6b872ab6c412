"""Agents of the gridworld family: what they read, what they refuse, and how they score."""

from __future__ import annotations

import numpy as np
import pytest

from smile_bench import evaluate, load_agent, load_dataset
from smile_bench.agents import checked_actions
from smile_bench.baselines.tabular_irl.contexts import require_grid
from smile_bench.datasets.verify import verify_dataset
from smile_bench.errors import AgentError
from smile_bench.protocol import evaluation
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.testing import check_agent

ID = "SmileGridGoal-v0"
FAMILY = require_grid(ID)
VERSION = "v0-3d46260f2d56fa79"
LEAST = {
    "retrieve-and-play": 0.0,
    "meta-bc": 0.65,
    "feature-matching": 0.68,
    "max-margin-irl": 0.85,
    "maxent-irl": 0.8,
    "causal-maxent-irl": 0.8,
    "guided-cost-learning": 0.8,
    "gan-irl": 0.8,
    "gan-plain": 0.45,
    "tabular-smile": 0.9,
}
"""About 0.1 less than each agent reaches with one or two demonstrations."""


def test_the_frozen_set_is_the_published_one() -> None:
    meta_test = load_meta_test(ID)
    assert meta_test.version == VERSION
    references = meta_test.references
    gain = references.expert["episode_return"] - references.blind["episode_return"]
    assert gain.min() > 1.0


def test_the_shipped_demonstrations_are_whole_and_replay() -> None:
    assert all(check.passed for check in verify_dataset(load_dataset(ID)))


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the eight episodes of each meta-test task, one with one demonstration."""
    meta_test = load_meta_test(ID)
    some = meta_test.select(np.flatnonzero(np.arange(len(meta_test.tasks)) % 8 < 2))
    monkeypatch.setattr(evaluation, "load_meta_test", lambda _: some)
    monkeypatch.setattr(type(meta_test), "version", meta_test.version)


@pytest.mark.slow
@pytest.mark.usefixtures("fewer")
@pytest.mark.parametrize("name", LEAST)
def test_scores(name: str) -> None:
    assert evaluate(load_agent(name, ID), ID).score >= LEAST[name]


def test_the_expert_is_reproduced_exactly() -> None:
    assert evaluate(load_agent("expert", ID), ID).score == pytest.approx(1.0, abs=1e-12)
    assert evaluate(load_agent("task-blind", ID), ID).score == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("name", LEAST)
def test_agents_keep_to_the_interface(name: str) -> None:
    check_agent(load_agent(name, ID), ID)  # type: ignore[arg-type]


def test_contexts_without_actions_or_of_other_families_are_refused() -> None:
    context = load_dataset(ID).train.context(0, [0, 1])
    for name in LEAST:
        with pytest.raises(AgentError, match="needs the demonstrations' actions"):
            load_agent(name, ID).adapt([context.state_only()])  # type: ignore[union-attr]
    for name in ("maxent-irl", "feature-matching", "gan-irl", "tabular-smile"):
        with pytest.raises(AgentError, match="needs a gridworld family"):
            load_agent(name, "SmileAntGoal-v0")


def test_actions_may_be_indices_or_one_hot_rows() -> None:
    rows = checked_actions(FAMILY, np.array([3, 0]), 2, 0)
    np.testing.assert_array_equal(rows, np.eye(5)[[3, 0]])
    np.testing.assert_array_equal(checked_actions(FAMILY, rows, 2, 0), rows)
    for wrong, message in (
        (np.array([5, 0]), "integers 0 to 4"),
        (np.array([0.5, 0]), "integers 0 to 4"),
        (np.full((2, 5), 0.2), "not one-hot"),
        (np.zeros((2, 4)), r"integers \(2,\) or one-hot rows \(2, 5\)"),
        (np.array([np.nan, 0]), r"NaN or infinity at step 0 in slots \[0\]"),
        (np.full((2, 5), np.inf), r"NaN or infinity at step 0 in slots \[0, 1\]"),
    ):
        with pytest.raises(AgentError, match=message):
            checked_actions(FAMILY, wrong, 2, 0)
