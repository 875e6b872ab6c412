from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from smile_bench.envs import all_families
from smile_bench.errors import LeaderboardError
from smile_bench.leaderboard.page import published
from smile_bench.leaderboard.page.published import load_published
from smile_bench.tracks import TRACKS
from tests.helpers.made_entries import CHEETAH, CLASSIFICATION

WALKER = "SmileWalkerDynamics-v0"

TABLE_1 = {
    "Meta-BC": ["0.931 ± 0.620", "0.643 ± 0.410", "0.468 ± 0.274", "0.340 ± 0.188"],
    "SMILe (state-action)": ["0.181 ± 0.095", "0.125 ± 0.060", "0.102 ± 0.100", "0.118 ± 0.078"],
    "SMILe (state-only)": ["0.186 ± 0.107", "0.113 ± 0.058", "0.121 ± 0.086", "0.138 ± 0.074"],
    "Meta-DAgger": ["–", "–", "–", "0.082 ± 0.059"],
}
"""Of the paper; columns are 4, 16 and 64 demonstrations subsampled by 20, and 64 whole."""
SETTINGS = [(4, 20), (16, 20), (64, 20), (64, 1)]

TABLE_2 = {
    "Meta-BC": ["1289.9 ± 63.0", "-0.403 ± 0.054", "0.50 ± 0.00", "0.00 ± 0.00"],
    "SMILe (state-action)": ["3106.6 ± 67.6", "0.710 ± 0.036", "0.68 ± 0.01", "0.02 ± 0.02"],
    "SMILe (state-only)": ["3159.3 ± 84.9", "0.738 ± 0.061", "0.65 ± 0.01", "0.01 ± 0.00"],
    "Meta-DAgger": ["2404.1 ± 91.7", "0.275 ± 0.089", "0.67 ± 0.00", "0.14 ± 0.01"],
}
"""Of the paper: return, custom metric, success rate, no-op rate."""


def numbers(cell: str) -> tuple[float, float]:
    mean, deviation = cell.split(" ± ")
    return float(mean), float(deviation)


def test_table_1_is_as_printed() -> None:
    found = {
        (row.title.split(",")[0], part.demonstrations, part.subsample): part.metrics
        for row in load_published().rows
        for family, part in row.families.items()
        if family == CHEETAH
    }
    expected = {
        (method, *setting): {"velocity_error": numbers(cell)}
        for method, cells in TABLE_1.items()
        for setting, cell in zip(SETTINGS, cells, strict=True)
        if cell != "–"
    }
    assert found == expected


def test_table_2_is_as_printed() -> None:
    rows = {row.title: row for row in load_published().rows if len(row.families) > 1}
    assert rows.keys() == TABLE_2.keys()
    for method, cells in TABLE_2.items():
        walker, classification = (
            rows[method].families[WALKER],
            rows[method].families[CLASSIFICATION],
        )
        assert walker.metrics == {"episode_return": numbers(cells[0])}
        assert walker.score == numbers(cells[1])
        success, no_op = numbers(cells[2]), numbers(cells[3])
        assert classification.metrics == {"success": success, "no_op": no_op}


def test_rows_are_of_known_families_metrics_and_tracks() -> None:
    published = load_published()
    assert len({row.name for row in published.rows}) == len(published.rows)
    for row in published.rows:
        assert row.track in TRACKS
        assert row.state_only == ("state-only" in row.title)
        for family, part in row.families.items():
            assert set(part.metrics) == {m.name for m in all_families()[family].metrics}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"title": 1}', '{"rows": [{"families": 3}]}', "row without metrics", "null"],
)
def test_a_damaged_file_is_one_clear_error(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = resources.files(published.__package__) / "data" / "published.json"
    if content == "row without metrics":
        document = json.loads(shipped.read_text(encoding="utf-8"))
        del next(iter(document["rows"][0]["families"].values()))["metrics"]
        content = json.dumps(document)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "published.json").write_text(content)
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    with pytest.raises(LeaderboardError, match=r"published.json, the paper's numbers, is damaged"):
        load_published.__wrapped__()
