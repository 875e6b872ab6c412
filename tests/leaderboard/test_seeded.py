"""The entries in the repository. A build replays them all, these tests only the quick ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.baselines.registry import all_agents
from smile_bench.leaderboard.build import check_entries, check_folder
from smile_bench.leaderboard.checks.verification import Status, Verifier
from tests.helpers.made_entries import GRID

ENTRIES = Path(__file__).parents[2] / "leaderboard" / "entries"


def test_every_entry_is_well_formed_and_agrees_with_its_card() -> None:
    checked = check_entries(ENTRIES, Verifier(replay=False), known_agent=all_agents().__contains__)
    names = {one.entry.card.name for one in checked}
    assert {"expert", "task-blind", "retrieve-and-play", "meta-bc"} <= names
    assert {one.entry.card.name for one in checked if one.entry.card.reference} == {
        "expert",
        "task-blind",
    }


def test_the_repository_stays_small() -> None:
    # A ranked row shows the evidence of each of its seeds, at most five here.
    assert {path.parents[1].name for path in ENTRIES.rglob("*.h5")} <= {
        f"seed-{seed}" for seed in range(5)
    }
    assert sum(path.stat().st_size for path in ENTRIES.rglob("*.h5")) < 250e6


@pytest.mark.parametrize("name", ["expert", "task-blind", "retrieve-and-play", "meta-bc"])
def test_the_grid_s_results_replay(name: str) -> None:
    verify = Verifier()
    checked = check_folder(ENTRIES / name, Verifier(replay=False))
    (run,) = [run for run in checked.entry.runs if run.family == GRID]
    assert verify(run.primary) in (Status.EXACT, Status.CLOSE)
