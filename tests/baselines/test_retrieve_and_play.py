from __future__ import annotations

import numpy as np
import pytest

from smile_bench.baselines.retrieve_and_play import RetrieveAndPlay
from smile_bench.errors import AgentError
from smile_bench.learning.normaliser import Normaliser
from tests.helpers import synthetic


def agent() -> RetrieveAndPlay:
    train = synthetic.demonstrations("train")
    return RetrieveAndPlay(synthetic.FAMILY, Normaliser.of(train.observations))


def test_in_a_demonstrated_state_it_does_what_was_demonstrated() -> None:
    test = synthetic.demonstrations("test")
    contexts = [test.context(0, [1]), test.context(1, [0, 2])]
    policy = agent().adapt(contexts)
    observations = np.stack([test.observations[0, 1, 3], test.observations[1, 2, 4]])
    actions = policy.act(observations.astype(np.float64))
    np.testing.assert_array_equal(actions[0], test.actions[0, 1, 3])
    np.testing.assert_array_equal(actions[1], test.actions[1, 2, 4])


def test_it_finds_the_nearest_in_normalised_distance() -> None:
    test, retrieve = synthetic.demonstrations("test"), agent()
    contexts = [test.context(0, [0]), test.context(1, [0, 1, 2])]
    rng = np.random.default_rng(0)
    policy = retrieve.adapt(contexts)
    for _ in range(20):
        queries = rng.standard_normal((2, test.observations.shape[-1]))
        actions = policy.act(queries)
        for slot, context in enumerate(contexts):
            assert context.actions is not None
            keys = context.observations.reshape(-1, queries.shape[1])
            away = np.square((keys - queries[slot]) / retrieve.normaliser.scale).sum(axis=1)
            expected = context.actions.reshape(-1, context.actions.shape[-1])[away.argmin()]
            np.testing.assert_array_equal(actions[slot], expected)


def test_contexts_without_actions_or_of_another_family_are_refused() -> None:
    test = synthetic.demonstrations("test")
    with pytest.raises(AgentError, match="actions"):
        agent().adapt([test.context(0, [0]).state_only()])
    other = synthetic.demonstrations("test", family="SmileHalfCheetahVelocity-v0")
    with pytest.raises(AgentError, match="made for SmileAntGoal-v0"):
        agent().adapt([other.context(0, [0])])
    with pytest.raises(AgentError, match="no contexts"):
        agent().adapt([])


def test_the_normaliser_is_of_meta_train_only() -> None:
    train = synthetic.demonstrations("train")
    normaliser = Normaliser.of(train.observations)
    z = normaliser(train.observations).reshape(-1, 29)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-5)
