"""A season: a meta-test set sampled from a seed that is published after agents were submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from smile_bench.agents import Agent, PrivilegedAgent
from smile_bench.arrays import FloatArray
from smile_bench.datasets import Dataset, Demonstrations
from smile_bench.datasets.build import BLOCK_EPISODES
from smile_bench.datasets.collection import Block, collect
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.errors import InputError
from smile_bench.experts.policy import load_expert
from smile_bench.protocol.evaluation import adapt, run_episodes
from smile_bench.protocol.freeze import BLIND_EPISODES, sample_measured
from smile_bench.protocol.meta_test import MetaTest
from smile_bench.protocol.scores import normalised_scores

__all__ = ["Season", "fresh_scores", "sample_season"]

TASKS, EPISODES = 0, 1
"""Uses of a season's randomness beside its demonstrations; each has a generator of its own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Season:
    """A fresh meta-test set of a family, with the demonstrations that its contexts hold."""

    family: Family
    """The family, with the fresh tasks as its test split. Its id is that of the frozen one."""
    new_tasks: bool
    """Whether the tasks are new. They are the frozen test tasks where the expert knows no other."""
    dataset: Dataset
    """Demonstrations of the test split alone."""
    meta_test: MetaTest
    """The episodes, and the references measured in them."""

    @property
    def digest(self) -> str:
        """SHA-256 of the tasks, the demonstrations, the episodes and the references."""
        total = hashlib.sha256()
        references = self.meta_test.references
        arrays: dict[str, NDArray[Any]] = {
            **self.dataset.test.arrays(),
            **self.meta_test.arrays(),
            **{f"expert/{name}": values for name, values in references.expert.items()},
            **{f"blind/{name}": values for name, values in references.blind.items()},
        }
        for name, array in sorted(arrays.items()):
            total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()


def sample_season(
    family: str | Family, seed: int, *, blind_episodes: int = BLIND_EPISODES
) -> Season:
    """Sample a meta-test set: new tasks, demonstrations, contexts and starts.

    It has as many tasks as the frozen set, and for each of them as many episodes, times
    ``family.season_episodes``. All of it follows from the family and the seed.

    Args:
        family: the family or its id.
        seed: the season's seed, at least 0 and of any length.
        blind_episodes: about how many episodes measure the task-blind reference.

    Raises:
        UnknownNameError: no such family.
        InputError: the seed is not an integer of at least 0.
        ExpertError: the family has no expert.
    """
    family = get_family(family)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"the seed of a season is an integer of at least 0, got {seed!r}.")
    # Hashed, so that no seed gives the demonstrations and episodes that ship.
    text = f"smile-bench season {seed} {family.id}"
    entropy = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    frozen = family.table("test")
    sample = family.task_distribution
    fresh_tasks = sample and sample(np.random.default_rng([entropy, TASKS]), len(frozen))
    fresh = replace(
        family,
        tasks={**family.tasks, "test": frozen if fresh_tasks is None else fresh_tasks},
        evaluation_episodes=family.evaluation_episodes * family.season_episodes,
    )
    demonstrations = _demonstrations(fresh, entropy)
    dataset = Dataset(family=family.id, splits={SPLITS[-1]: demonstrations}, attributes={})
    rng = np.random.default_rng([entropy, EPISODES])
    return Season(
        family=fresh,
        new_tasks=sample is not None,
        dataset=dataset,
        meta_test=sample_measured(fresh, text, rng, blind_episodes),
    )


def fresh_scores(season: Season, agent: Agent | PrivilegedAgent) -> FloatArray:
    """An agent's normalised score on each task of a season, (number of tasks,).

    NaN stands for a task on which the references do not differ.

    Args:
        season: the season.
        agent: adapts once to the contexts of all episodes and then acts in all of them.

    Raises:
        AgentError: the agent breaks the interface.
    """
    family, meta_test = season.family, season.meta_test
    policy = adapt(agent, family, meta_test, season.dataset, meta_test.shots)
    parameters = family.table("test")[meta_test.tasks]
    episodes, _ = run_episodes(family, policy, parameters, meta_test.initial_states)
    return normalised_scores(family.id, meta_test.tasks, episodes, meta_test.references)


def _demonstrations(family: Family, seed: int) -> Demonstrations:
    """The expert's demonstrations of every test task, as its dataset's recipe says."""
    expert, pieces = load_expert(family), list(_blocks(family, seed))
    collected = [
        collect(family, expert, block)
        for block in tqdm(pieces, desc="demonstrations", leave=False, disable=None)
    ]
    arrays = {name: np.concatenate([one[name] for one in collected]) for name in collected[0]}
    metrics = {metric.name: arrays.pop(f"metrics/{metric.name}") for metric in family.metrics}
    return Demonstrations(
        family=family.id,
        split="test",
        task_parameters=family.table("test"),
        metrics=metrics,
        **arrays,
    )


def _blocks(family: Family, seed: int) -> Iterator[Block]:
    recipe, tasks = family.dataset_recipe, len(family.table("test"))
    size = max(1, BLOCK_EPISODES // recipe.demonstrations)
    for first in range(0, tasks, size):
        yield Block(
            split="test",
            first=first,
            last=min(first + size, tasks),
            demonstrations=recipe.demonstrations,
            subsample=recipe.subsample,
            seed=seed,
        )
