from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import smile_bench
from smile_bench.agents import Context
from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.datasets import Demonstrations, load_dataset
from smile_bench.envs import get_family
from smile_bench.errors import InputError
from smile_bench.experts.policy import load_expert
from smile_bench.protocol import evaluate
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.season import Season, fresh_scores, sample_season
from tests.helpers.frozen_family import frozen_family
from tests.helpers.outside_family import ID

pytestmark = pytest.mark.slow

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"


@pytest.fixture(scope="module")
def season() -> Season:
    return sample_season(GRID, 1, blind_episodes=10)


class LookUp:
    """Knows the expert's task by the demonstrations of the frozen contexts: a cheat."""

    def __init__(self, family: str) -> None:
        self.expert, self.table = load_expert(family), get_family(family).table("test")
        test = load_dataset(family).test
        self.known = {
            test.observations[task, d].tobytes(): task
            for task in range(test.tasks)
            for d in range(test.demonstrations)
        }

    def adapt(self, contexts: Sequence[Context]) -> LookUpPolicy:
        tasks = [
            self.known.get(c.observations[0].tobytes(), i % len(self.table))
            for i, c in enumerate(contexts)
        ]
        return LookUpPolicy(self, np.array(tasks))


class LookUpPolicy:
    def __init__(self, agent: LookUp, tasks: IntArray) -> None:
        self.agent, self.tasks, self.rng = agent, tasks, np.random.default_rng(0)

    def act(self, observations: FloatArray) -> Float32Array:
        return self.agent.expert.act(observations, self.agent.table[self.tasks], self.rng)


def score(season: Season, agent: Any) -> float:
    return float(np.nanmean(fresh_scores(season, agent)))


def test_tasks_demonstrations_contexts_and_starts_are_new(season: Season) -> None:
    frozen, shipped = load_meta_test(GRID), load_dataset(GRID).test
    fresh: Demonstrations = season.dataset.test
    tables = np.concatenate(list(get_family(GRID).tasks.values()))
    rows = season.family.table("test")
    assert season.new_tasks
    assert rows.shape == get_family(GRID).table("test").shape
    assert not (rows[:, None] == tables[None]).all(axis=2).any()
    assert np.array_equal(fresh.task_parameters, rows)
    assert fresh.observations.shape == shipped.observations.shape
    assert not np.array_equal(fresh.initial_states, shipped.initial_states)
    assert not np.array_equal(season.meta_test.initial_states, frozen.initial_states)
    assert not np.array_equal(season.meta_test.demonstrations, frozen.demonstrations)
    each, more = get_family(GRID).evaluation_episodes, get_family(GRID).season_episodes
    assert more == 4
    assert np.bincount(season.meta_test.tasks).tolist() == [more * each] * len(rows)
    assert set(season.meta_test.shots) == set(frozen.shots)
    assert np.array_equal(get_family(GRID).table("train"), season.family.table("train"))


def test_a_season_follows_from_its_seed(season: Season) -> None:
    assert sample_season(GRID, 1, blind_episodes=10).digest == season.digest
    assert sample_season(GRID, 2, blind_episodes=10).digest != season.digest
    assert sample_season(GRID, 2**512 + 1, blind_episodes=10).digest != season.digest


@pytest.mark.parametrize("seed", [-1, True, 1.0, "1"])
def test_other_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(InputError, match="the seed of a season is an integer of at least 0"):
        sample_season(GRID, seed)


def test_the_references_are_one_and_about_zero(season: Season) -> None:
    # Expert moves on the grid are sampled, from the same generator as where they were measured.
    assert score(season, smile_bench.load_agent("expert", GRID)) == pytest.approx(1.0)
    assert abs(score(season, smile_bench.load_agent("task-blind", GRID))) < 0.2


def test_a_look_up_of_the_frozen_contexts_loses_its_score_and_meta_bc_does_not(
    season: Season,
) -> None:
    cheat = LookUp(GRID)
    assert evaluate(cheat, GRID).score == pytest.approx(1.0, abs=0.05)
    assert abs(score(season, cheat)) < 0.3
    pytest.importorskip("torch")
    honest = smile_bench.load_agent("meta-bc", GRID)
    assert score(season, honest) == pytest.approx(evaluate(honest, GRID).score, abs=0.1)


@pytest.mark.slow
def test_a_look_up_loses_its_score_on_ant_goal_and_meta_bc_does_not() -> None:
    pytest.importorskip("torch")
    season = sample_season(ANT, 1, blind_episodes=10)
    rows = season.family.table("test")
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 2.0, atol=1e-9)
    cheat, honest = LookUp(ANT), smile_bench.load_agent("meta-bc", ANT)
    assert evaluate(cheat, ANT).score == pytest.approx(1.0, abs=0.01)
    assert abs(score(season, cheat)) < 0.3
    assert score(season, honest) == pytest.approx(evaluate(honest, ANT).score, abs=0.03)


@pytest.mark.parametrize(
    ("family", "low", "high"),
    [("SmileHalfCheetahVelocity-v0", 0.0, 3.0), ("SmileAntLinearClassification-v0", -1.0, 1.0)],
)
def test_families_sample_tasks_of_their_tables(family: str, low: float, high: float) -> None:
    found = get_family(family)
    assert found.task_distribution is not None
    sampled = found.task_distribution(np.random.default_rng(0), 2000)
    assert sampled.shape == (2000, len(found.parameter_names))
    assert low <= sampled.min() < 0.9 * low + 0.1 * high
    assert high >= sampled.max() > 0.1 * low + 0.9 * high
    if family == "SmileAntLinearClassification-v0":
        np.testing.assert_allclose(np.linalg.norm(sampled, axis=1), 1.0)
        assert found.season_episodes == 4


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with frozen_family(tmp_path_factory.mktemp("ring")) as family:
        yield family.id


def test_a_family_without_a_distribution_keeps_its_tasks(outside: str, tmp_path: Path) -> None:
    assert outside == ID
    assert get_family("SmileWalkerDynamics-v0").task_distribution is None
    season = sample_season(outside, 3, blind_episodes=10)
    assert not season.new_tasks
    assert np.array_equal(season.family.table("test"), get_family(outside).table("test"))
    shipped = load_dataset(outside).test
    assert not np.array_equal(season.dataset.test.observations, shipped.observations)
    assert score(season, smile_bench.load_agent("expert", outside)) == pytest.approx(1.0)
