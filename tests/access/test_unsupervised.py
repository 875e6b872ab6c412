"""The track without demonstrations: what it refuses and what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from smile_bench.access import Access, AccessCounts
from smile_bench.agents import Context
from smile_bench.arrays import Float32Array, FloatArray
from smile_bench.datasets import Condition
from smile_bench.envs import get_family
from smile_bench.errors import InputError
from tests.helpers import synthetic

FAMILY = get_family(synthetic.FAMILY)


class Still:
    """Stands still, and keeps the contexts that it was given."""

    def adapt(self, contexts: Sequence[Context]) -> Still:
        self.contexts = contexts
        return self

    def act(self, observations: FloatArray) -> Float32Array:
        return np.zeros((len(observations), FAMILY.action_size), np.float32)


def access(**more: Any) -> Access:
    return Access(FAMILY, track="unsupervised", dataset=synthetic.dataset(), **more)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_demonstrations_are_refused_in_one_clear_error(split: str) -> None:
    given = access()
    with pytest.raises(InputError) as caught:
        given.demonstrations(split)
    said = str(caught.value)
    assert f"demonstrations of '{split}' cannot be given" in said
    assert "the unsupervised track allows environments only" in said
    assert "'offline', 'interactive', 'expert-queries', 'rewards'" in said
    assert given.counts == AccessCounts()


def test_labels_and_rewards_are_refused_too() -> None:
    given = access()
    with pytest.raises(InputError, match="unsupervised track has no expert labels"):
        given.expert_actions(np.array([0]), np.zeros((1, FAMILY.observation_size)))
    with pytest.raises(InputError, match="reward-free"):
        _ = given.environments(np.array([0])).rewards


def test_environments_and_validation_work_and_are_counted() -> None:
    given, agent = access(), Still()
    assert (given.tasks(), given.tasks("validation")) == (32, 8)
    environments = given.environments(np.array([0, 2]))
    environments.reset(np.random.default_rng(0))
    for _ in range(4):
        environments.step(np.zeros((2, FAMILY.action_size), np.float32))
    scores = given.validate(agent)
    assert set(scores) == {metric.name for metric in FAMILY.metrics}
    assert agent.contexts[0].actions is not None
    assert given.counts == AccessCounts(
        env_steps=8, validation_demonstrations=12, validation_env_steps=3 * FAMILY.horizon
    )


@pytest.mark.parametrize(
    "given",
    [
        {"demonstrations": 2},
        {"tasks": 2},
        {"condition": "noisy"},
        {"condition": Condition(demonstrations=1)},
    ],
)
def test_a_condition_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"unsupervised track it gets none; .* was given\. Leave"):
        access(**given)


def test_there_is_no_condition_to_read() -> None:
    given = access(condition="canonical")
    with pytest.raises(InputError, match="the condition of its demonstrations cannot be given"):
        _ = given.condition
    assert given.subset == {}
    assert "condition" not in given.facts()


def test_state_only_learners_see_no_actions_in_validation() -> None:
    agent = Still()
    access(state_only=True).validate(agent)
    assert all(context.actions is None for context in agent.contexts)
