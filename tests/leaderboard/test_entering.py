"""From an agent to its entry in one call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.access import Access, recipe_of
from smile_bench.agents import Context, require_family
from smile_bench.errors import AgentError, LeaderboardError
from smile_bench.leaderboard import add_result
from smile_bench.leaderboard.build import check_folder
from smile_bench.leaderboard.checks.verification import Verifier
from smile_bench.leaderboard.entries.card import read_card

GRID = "SmileGridGoal-v0"


class Still:
    """Always takes one action, the one of its seed."""

    name = "still"

    def __init__(self, recipe: dict[str, Any] | None) -> None:
        self.recipe = recipe

    def adapt(self, contexts: Sequence[Context]) -> Still:
        require_family(contexts, GRID)
        return self

    def act(self, observations: Any) -> Any:
        return np.full(len(observations), (self.recipe or {}).get("seed", 4))


def trained(seed: int) -> Still:
    began = time.perf_counter()
    access = Access(GRID, track="offline", demonstrations=2)
    access.demonstrations()
    return Still(recipe_of(access, seed=seed, began=began, settings={"width": 8}))


def test_two_seeds_make_an_entry_that_passes_its_check(tmp_path: Path) -> None:
    for seed in (0, 1):
        result = add_result(trained(seed), GRID, tmp_path / "still", title="Still", authors=["A"])
        assert result.training is not None
        assert result.training["settings"] == {"width": 8}
        assert result.training["seconds"] >= 0.0
    card = read_card(tmp_path / "still" / "entry.json")
    assert (card.track, card.demonstrations) == ("offline", {GRID: 2})
    runs = check_folder(tmp_path / "still", Verifier()).entry.runs
    assert [run.seed for run in runs] == [0, 1]


def test_what_the_recipe_lacks_has_to_be_given(tmp_path: Path) -> None:
    entry = tmp_path / "still"
    with pytest.raises(LeaderboardError, match="give --track"):
        add_result(Still(None), GRID, entry, title="Still", authors=["A"])
    add_result(
        Still(None), GRID, entry, title="Still", authors=["A"], track="offline", demonstrations=0
    )
    assert read_card(entry / "entry.json").demonstrations == {GRID: 0}


def test_a_broken_agent_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    class Broken(Still):
        def act(self, observations: Any) -> Any:
            return np.full(len(observations), np.nan)

    with pytest.raises(AgentError):
        add_result(Broken(None), GRID, tmp_path / "broken", title="B", authors=["A"])
    assert not (tmp_path / "broken").exists()
