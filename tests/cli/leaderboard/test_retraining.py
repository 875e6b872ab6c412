"""Recipes of sealed results, under the names that settings have today."""

from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.baselines import get_agent
from smile_bench.cli.leaderboard.retraining import _changes
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.settings import flatten, replaced
from tests.helpers.made_entries import GRID

pytest.importorskip("torch")

ENTRIES = Path(__file__).parents[3] / "leaderboard" / "entries"


@pytest.mark.parametrize(
    "name", ["meta-bc", "meta-dagger", "smile", "smile-paper", "smile-state-only"]
)
def test_sealed_recipes_are_today_s_presets(name: str) -> None:
    training = get_agent(name).training
    assert training is not None
    for run in read_entry(ENTRIES / name).runs:
        preset = training.make_preset(run.family, 5)
        recipe = run.primary.result.training
        assert recipe is not None
        changes = _changes(recipe, flatten(preset))
        if run.family != GRID:
            assert changes == {}
            continue
        # This one is older; its one width stood for both hidden layers.
        changed = replaced(preset, changes)
        assert (changed.hidden, changed.updates_per_iteration) == ((128, 128), 200)
        assert changed.total_updates == 600


def test_settings_that_are_gone_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = {"settings": {"seed": 3, "updates": 7, "early_noise": 0.1, "encoder": {"code": 8}}}
    preset = {"seed": 0, "total_updates": 5, "encoder.embedding": 16}
    assert _changes(recipe, preset) == {"total_updates": 7, "encoder.embedding": 8}
    assert capsys.readouterr().out == ("     settings without a successor, left out: early_noise\n")
