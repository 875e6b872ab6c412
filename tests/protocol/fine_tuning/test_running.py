from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.agents import Context, RewardedEpisodes
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, InputError, UnknownNameError
from smile_bench.protocol import read_result, verify_result
from smile_bench.protocol.evaluation import run_episodes
from smile_bench.protocol.fine_tuning import FineTuned, fine_tune, load_fine_tuning
from smile_bench.protocol.result import Result
from tests.helpers.fine_tuner import BestOfChance, Learning, Repeat

GRID = "SmileGridGoal-v0"


@pytest.fixture(scope="module")
def found() -> FineTuned:
    return fine_tune(BestOfChance(), GRID, contexts="half", seeds=(5, 6), episodes=(0, 1, 3))


def test_without_episodes_it_is_the_imitator(found: FineTuned) -> None:
    # As in an ordinary evaluation: all scored episodes side by side, each with its own context.
    frozen, family = load_fine_tuning(GRID, "half"), get_family(GRID)
    contexts = [c for c in frozen.task_contexts() for _ in range(frozen.repeats)]
    episodes, _ = run_episodes(
        family,
        Repeat().adapt(contexts),
        family.table("test")[frozen.tasks],
        frozen.initial_states,
    )
    for row in found.results.values():
        assert np.array_equal(row[0].episodes["episode_return"], episodes["episode_return"])


def test_results_say_what_was_used(found: FineTuned) -> None:
    assert list(found.results) == [5, 6]
    for seed, row in found.results.items():
        assert [result.evaluation for result in row] == [
            f"fine-tune, half, {n} episodes" for n in (0, 1, 3)
        ]
        for number, result in zip((0, 1, 3), row, strict=True):
            facts = result.fine_tuning
            assert facts is not None
            assert (facts.seed, facts.rewarded, facts.contexts) == (seed, number, "half")
            assert (facts.used_episodes, facts.used_steps) == (number, 20 * number)
            assert int(np.isfinite(result.scores).sum()) == 8
            assert len(result.tasks) == 64


def test_curve_and_demonstrator(found: FineTuned) -> None:
    assert found.scores.shape == (2, 3)
    assert found.areas.shape == (2, 24)
    assert found.area == pytest.approx(np.nanmean(found.areas))
    assert found.demonstrator_score == load_fine_tuning(GRID, "half").demonstrator_score
    assert "contexts of the half demonstrator (score 0.457), 2 training seeds" in repr(found)
    # Random moves beat nothing: what was learned is what was scored.
    assert found.scores[0, 0] == found.scores[1, 0] > found.scores[:, 1].max()


def test_a_seed_learns_alike_beside_others_and_alone(found: FineTuned) -> None:
    alone = fine_tune(BestOfChance(), GRID, contexts="half", seeds=(6,), episodes=(0, 1, 3))
    assert np.array_equal(alone.scores[0], found.scores[1])


def test_stops_on_the_way_change_nothing(found: FineTuned) -> None:
    direct = fine_tune(BestOfChance(), GRID, contexts="half", seeds=(5,), episodes=(3,))
    assert direct.scores[0, 0] == found.scores[0, 2]


@pytest.mark.parametrize("index", [0, 2])
def test_a_result_replays_and_reads_back(found: FineTuned, index: int, tmp_path: Path) -> None:
    result = found.results[6][index]
    result.save(tmp_path)
    assert read_result(tmp_path).to_dict() == result.to_dict()
    again = verify_result(tmp_path, rerun=lambda name, family: BestOfChance(family))
    assert again.status == "verified"
    assert [check.name for check in again.findings][-2:] == ["statements", "score again"]


def test_results_are_saved_as_they_are_reached() -> None:
    reached: list[tuple[str, int]] = []

    def save(result: Result) -> None:
        assert result.fine_tuning is not None
        reached.append((result.evaluation, result.fine_tuning.used_episodes))

    fine_tune(BestOfChance(), GRID, episodes=(0, 2), save=save)
    assert reached == [("fine-tune, expert, 0 episodes", 0), ("fine-tune, expert, 2 episodes", 2)]


@pytest.mark.parametrize(
    "episodes", [(), (1, 0), (0, 0), (-1, 1), (0, 101), (0.5,), (0, "1")], ids=str
)
def test_numbers_of_episodes_that_do_not_fit_are_refused(episodes: Any) -> None:
    with pytest.raises(InputError, match="rise, and lie between 0 and the budget of 100 a task"):
        fine_tune(BestOfChance(), GRID, episodes=episodes)


def test_agents_that_do_not_fine_tune_are_refused() -> None:
    with pytest.raises(AgentError, match="Repeat is not a fine-tuning agent"):
        fine_tune(Repeat(), GRID)  # type: ignore[arg-type]


def test_unknown_contexts_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown kind of contexts 'best'"):
        fine_tune(BestOfChance(), GRID, contexts="best")


class Greedy(BestOfChance):
    """Asks for one episode more than it may use."""

    def begin(self, contexts: Sequence[Context], seeds: Sequence[int]) -> Learning:
        class More(Learning):
            def improve(self, environments: RewardedEpisodes, episodes: int) -> None:
                super().improve(environments, episodes + 1)

        return More(self.imitator, contexts, seeds)


def test_an_agent_cannot_use_more_episodes_than_it_may() -> None:
    with pytest.raises(InputError, match="the budget of 4 rewarded episodes a task is used up"):
        fine_tune(Greedy(), GRID, episodes=(4,))


class Lazy(BestOfChance):
    """Uses no episode."""

    def begin(self, contexts: Sequence[Context], seeds: Sequence[int]) -> Learning:
        class Idle(Learning):
            def improve(self, environments: RewardedEpisodes, episodes: int) -> None:
                assert environments.episodes_left == episodes

        return Idle(self.imitator, contexts, seeds)


def test_episodes_that_were_not_used_are_not_counted() -> None:
    found = fine_tune(Lazy(), GRID, episodes=(0, 4))
    facts = found.results[0][1].fine_tuning
    assert facts is not None
    assert (facts.used_episodes, facts.used_steps) == (0, 0)
    assert found.scores[0, 0] == found.scores[0, 1]
