"""The search for an embedding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smile_bench.agents import Context
from smile_bench.baselines.fine_tuning.embedding_search import (
    EmbeddingSearchConfig,
    EmbeddingSearcher,
    posterior,
)
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.errors import InputError
from tests.baselines.fine_tuning.conftest import GRID, Episodes

CONFIG = EmbeddingSearchConfig(family=GRID)
OBSERVED = np.random.default_rng(0).normal(size=(6, 65))


def test_the_posterior_is_that_of_a_gaussian_process() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(2, 5, 3))
    kernel = np.exp(-0.5 * ((points[:, :, None] - points[:, None]) ** 2).sum(-1))
    counts = np.array([[2.0, 0.0, 1.0, 0.0, 3.0], [1.0, 0.0, 0.0, 0.0, 0.0]])
    means = rng.normal(size=(2, 5))
    mean, deviation = posterior(kernel, counts, means, 0.1)
    for slot in range(2):
        seen = np.flatnonzero(counts[slot])
        weight = counts[slot, seen] / counts[slot].sum()
        centre = weight @ means[slot, seen]
        spread = np.sqrt(weight @ (means[slot, seen] - centre) ** 2) or 1.0
        inverse = np.linalg.inv(
            kernel[slot][np.ix_(seen, seen)] + np.diag(0.1 / counts[slot, seen])
        )
        rows = kernel[slot][:, seen]
        expected = rows @ inverse @ ((means[slot, seen] - centre) / spread)
        np.testing.assert_allclose(mean[slot], expected, atol=1e-12)
        variance = 1.0 - np.einsum("ij,jk,ik->i", rows, inverse, rows)
        np.testing.assert_allclose(deviation[slot] ** 2, variance, atol=1e-12)


def test_without_episodes_the_imitator_acts(imitator: Imitator, contexts: list[Context]) -> None:
    policy = EmbeddingSearcher("search", CONFIG, imitator).begin(contexts, range(6)).policy()
    np.testing.assert_array_equal(policy.act(OBSERVED), imitator.adapt(contexts).act(OBSERVED))


def test_a_context_of_another_task_is_left_behind(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    def earned(budget: int) -> float:
        misled = [contexts[(slot + 1) % 6] for slot in range(6)]
        learner = EmbeddingSearcher("search", CONFIG, imitator).begin(misled, range(6))
        if budget:
            learner.improve(episodes(range(6), budget), budget)
        environments, total = episodes(range(6), 20), 0.0
        for _ in range(20):
            policy, observations = learner.policy(), environments.reset()
            while not environments.ended.any():
                observations = environments.step(policy.act(observations))
                total += environments.rewards.mean()
        return total / 20

    assert earned(40) > earned(0) + 5.0


def test_a_slot_searches_as_it_would_alone(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    searcher = EmbeddingSearcher("search", replace(CONFIG, segment=10, settling=2), imitator)
    together = searcher.begin(contexts, range(6))
    together.improve(episodes(range(6), 4), 4)
    alone = searcher.begin(contexts[4:5], [4])
    alone.improve(episodes([4], 4), 4)
    np.testing.assert_array_equal(together.counts[4], alone.counts[0])
    # Two segments an episode, the first of all under the slot's own embedding.
    np.testing.assert_array_equal(together.counts.sum(axis=1), 8.0)
    assert (together.counts[:, 0] >= 1.0).all()


def test_a_budget_is_not_exceeded(
    imitator: Imitator, contexts: list[Context], episodes: Episodes
) -> None:
    learner = EmbeddingSearcher("search", CONFIG, imitator).begin(contexts, range(6))
    environments = episodes(range(6), 2)
    with pytest.raises(InputError, match="budget of 2 rewarded episodes"):
        learner.improve(environments, 3)
    assert environments.episodes == 2


def test_what_does_not_fit_is_refused(imitator: Imitator) -> None:
    for segment, settling in ((7, 0), (10, 10)):
        wrong = replace(CONFIG, segment=segment, settling=settling)
        with pytest.raises(InputError, match="does not fit an episode of 20"):
            EmbeddingSearcher("search", wrong, imitator)
    with pytest.raises(InputError, match="give both for one family"):
        EmbeddingSearcher("search", EmbeddingSearchConfig(family="SmileAntGoal-v0"), imitator)
    with pytest.raises(InputError, match="noise is 0"):
        EmbeddingSearcher("search", replace(CONFIG, noise=0.0), imitator)
