"""From an agent to its entry in one call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.access import Access, recipe_of
from smile_bench.agents import Context, require_family
from smile_bench.errors import AgentError, LeaderboardError, SmileError
from smile_bench.leaderboard import add_result
from smile_bench.leaderboard.build import check_folder
from smile_bench.leaderboard.checks.verification import Verifier
from smile_bench.leaderboard.entries.card import read_card
from smile_bench.leaderboard.entries.drafting import extend_card
from smile_bench.protocol.result_file import read_result

ANT, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"


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


def test_a_second_family_joins_the_card_and_a_second_result_needs_a_word(tmp_path: Path) -> None:
    entry = tmp_path / "still"
    add_result(trained(0), GRID, entry, title="Still", authors=["A"])
    with pytest.raises(LeaderboardError, match="holds a result already"):
        add_result(trained(0), GRID, entry, title="Still", authors=["A"])
    add_result(trained(0), GRID, entry, title="Still", authors=["A"], replace=True)
    other = read_result(entry / GRID / "seed-0" / "primary")
    extend_card(entry, replace(other, family=ANT, training={"condition": {"demonstrations": 2}}))
    assert read_card(entry / "entry.json").demonstrations == {ANT: 2, GRID: 2}
    with pytest.raises(LeaderboardError, match="another form"):
        extend_card(entry, replace(other, state_only=True))
    with pytest.raises(LeaderboardError, match=r"claims 2 demonstrations .* had 4"):
        extend_card(entry, replace(other, training={"condition": {"demonstrations": 4}}))


def test_what_the_recipe_lacks_has_to_be_given(tmp_path: Path) -> None:
    entry = tmp_path / "still"
    for given, message in (
        ({}, "names no track; give the track"),
        ({"track": "offline"}, "does not say how many demonstrations"),
        ({"track": "ofline"}, "Did you mean 'offline'"),
        ({"authors": "A. Author"}, "give a list of names"),
    ):
        with pytest.raises(SmileError, match=message):
            add_result(Still(None), GRID, entry, **{"title": "Still", "authors": ["A"], **given})  # type: ignore[arg-type]
    with pytest.raises(LeaderboardError, match="cannot name an entry"):
        add_result(trained(0), GRID, tmp_path / "No_1", title="Still", authors=["A"])
    assert not list(tmp_path.iterdir())
    add_result(
        Still(None), GRID, entry, title="Still", authors=["A"], track="offline", demonstrations=0
    )
    assert read_card(entry / "entry.json").demonstrations == {GRID: 0}


def test_a_broken_agent_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    class Broken(Still):
        def act(self, observations: Any) -> Any:
            return np.full(len(observations), np.nan)

    with pytest.raises(AgentError):
        add_result(
            Broken(None),
            GRID,
            tmp_path / "broken",
            title="B",
            authors=["A"],
            track="offline",
            demonstrations=0,
        )
    assert not (tmp_path / "broken").exists()
