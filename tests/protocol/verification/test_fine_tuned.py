"""Verifying results of fine-tuning: what was altered is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.agents import Agent
from smile_bench.errors import ProtocolError
from smile_bench.protocol import Result, read_result, verify_result
from smile_bench.protocol.fine_tuning import fine_tune, load_fine_tuning
from smile_bench.protocol.scores import normalised_scores
from tests.helpers.fine_tuner import BestOfChance, Repeat

GRID = "SmileGridGoal-v0"


@pytest.fixture(scope="module")
def reached() -> Result:
    return fine_tune(BestOfChance(), GRID, seeds=(3,), episodes=(0, 2)).results[3][1]


def _failed(result: Result, folder: Path, **arguments: Any) -> list[str]:
    result.save(folder)
    return [c.name for c in verify_result(folder, **arguments).findings if not c.passed]


def _other_moves(result: Result) -> Result:
    assert result.evidence is not None
    actions = result.evidence.actions.copy()
    actions[7] = np.roll(actions[7], 1, axis=1)
    return replace(result, evidence=replace(result.evidence, actions=actions))


def _better_return(result: Result) -> Result:
    episodes = {name: values + 5.0 for name, values in result.episodes.items()}
    references = load_fine_tuning(GRID).references
    scores = normalised_scores(GRID, result.tasks, episodes, references)
    return replace(result, episodes=episodes, scores=scores)


def _better_score(result: Result) -> Result:
    return replace(result, scores=result.scores + 0.1)


def _other_contexts(result: Result) -> Result:
    assert result.fine_tuning is not None
    facts = replace(result.fine_tuning, contexts="half")
    return replace(result, fine_tuning=facts, evaluation=facts.evaluation)


def _fewer_tasks(result: Result) -> Result:
    scores = result.scores.copy()
    scores[0] = np.nan
    return replace(result, scores=scores)


@pytest.mark.parametrize(
    ("alter", "found"),
    [
        (_other_moves, "replay"),
        (_better_return, "metric episode_return"),
        (_better_score, "scores"),
        (_other_contexts, "protocol"),
        (_fewer_tasks, "scores"),
    ],
)
def test_what_was_altered_is_found(
    reached: Result, alter: Callable[[Result], Result], found: str, tmp_path: Path
) -> None:
    assert _failed(reached, tmp_path / "true") == []
    assert found in _failed(alter(reached), tmp_path / "altered")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"schedule": (0, 5)}, "its fine_tuning says"),
        ({"schedule": (2, 1, 2)}, "does not rise"),
        ({"used_episodes": 3}, "its budget was 2 episodes"),
        ({"used_steps": 41}, "its budget was 2 episodes of 20 steps"),
        ({"contexts": "best"}, "fine-tune, best, 2 episodes|contexts"),
        ({"seed": -1}, "an integer from 0"),
    ],
)
def test_facts_that_contradict_each_other_are_refused(
    reached: Result, facts: dict[str, Any], message: str, tmp_path: Path
) -> None:
    assert reached.fine_tuning is not None
    with pytest.raises(ProtocolError, match=message):
        replace(reached, fine_tuning=replace(reached.fine_tuning, **facts)).save(tmp_path)


def test_the_evaluation_s_name_needs_the_facts(reached: Result, tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="does not state fine_tuning"):
        replace(reached, fine_tuning=None).save(tmp_path)


def test_an_agent_that_does_not_reach_the_score_again_is_found(
    reached: Result, tmp_path: Path
) -> None:
    class Worse(BestOfChance):
        """Imitates nothing and learns nothing."""

        def begin(self, contexts: Any, seeds: Any) -> Any:
            class Still:
                def improve(self, environments: Any, episodes: int) -> None:
                    pass

                def policy(self) -> Still:
                    return self

                def act(self, observations: Any) -> Any:
                    return np.full(len(observations), 2)

            return Still()

    failed = _failed(reached, tmp_path / "one", rerun=lambda name, family: Worse())
    assert failed == ["score again"]

    def imitator(name: str, family: str) -> Agent:
        return Repeat(family)

    assert _failed(reached, tmp_path / "two", rerun=imitator) == ["agent"]


def test_a_fine_tuner_does_not_confirm_an_imitator_s_result(tmp_path: Path) -> None:
    from smile_bench.protocol import evaluate

    evaluate(Repeat(), GRID).save(tmp_path)
    found = verify_result(tmp_path, rerun=lambda name, family: BestOfChance(family))
    failed = [check for check in found.findings if not check.passed]
    assert [check.name for check in failed] == ["agent"]
    assert "only fine-tunes" in failed[0].detail


def test_results_of_imitators_have_no_such_field(reached: Result, tmp_path: Path) -> None:
    assert "fine_tuning" not in replace(reached, fine_tuning=None).to_dict()
    reached.save(tmp_path)
    assert read_result(tmp_path).fine_tuning == reached.fine_tuning
