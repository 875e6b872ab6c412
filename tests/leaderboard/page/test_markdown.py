from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from smile_bench.leaderboard.build import build_leaderboard
from smile_bench.leaderboard.checks.further import read_further
from smile_bench.leaderboard.checks.verification import Verifier
from smile_bench.leaderboard.page.markdown import leaderboard_markdown
from tests.helpers.made_entries import ANT, GRID, training, without_demonstrations, write_entry
from tests.helpers.made_studies import study_cell, write_study


def test_markdown_has_every_row_and_escapes_text(document: dict[str, Any]) -> None:
    text = leaderboard_markdown(document)
    lines = text.splitlines()
    assert "## offline (protocol v0, MuJoCo 4.0)" in lines
    assert "## references, which see the task (protocol v0, MuJoCo 4.0)" in lines
    assert "## Published, unverified" in lines
    start = lines.index("## Overall (protocol v0, MuJoCo 4.0)")
    assert lines[start + 4].startswith("| 1 | First | **0.9")
    assert lines[start + 4].endswith("| offline | 1 | replayed, exact |")
    _, second = [line for line in lines if "pipe" in line]
    assert second.startswith("| 2 | A \\| &lt;b&gt;pipe&lt;/b&gt; \\[x\\]\\(y\\) | **0.500**")
    for before, rule in pairwise(lines):
        if rule.startswith("| ---"):
            assert before.count("|") == rule.count("|")
    assert any(line.startswith("| – | Partial | incomplete") for line in lines)


def test_headings_name_conditions_and_surfaces_have_two_numbers(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "all", level=0.5)
    few = {"training": training(0, condition={"demonstrations": 4}, access={})}
    write_entry(root, "few", level=0.4, facts=few)
    cells = [study_cell(ANT, d, 8, 0.6, agent="a") for d in (4, 16)]
    cells += [study_cell(ANT, 4, 8, 0.6, agent="b|c")]
    table = write_study(tmp_path / "table.json", cells)
    build_leaderboard(root, site, Verifier(replay=False), further=read_further(studies=[table]))
    lines = (site / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    headings = [line for line in lines if line.startswith("## ")]
    where = "(protocol v0, MuJoCo 4.0)"
    assert headings[:4] == [
        f"## Overall {where}",
        f"## Overall, 4 demonstrations, all tasks {where}",
        f"## offline {where}",
        f"## offline, 4 demonstrations, all tasks {where}",
    ]
    start = lines.index("## Budget surfaces, measured apart and not replayed")
    assert lines[start + 6].startswith("| a | Ant goal | budget | 0.500 | **0.500** [")
    assert lines[start + 7].startswith(
        r"| b\|c | Ant goal | budget | cells missing: 1 | **0.500** ["
    )
    document = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    assert [one["label"] for one in document["surfaces"]] == ["a", "b|c"]


def test_coverage_stands_beside_the_score_of_entries_without_demonstrations(
    tmp_path: Path,
) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "cloned", families=(GRID,))
    explored = {"training": without_demonstrations(GRID, share=0.75)}
    about: dict[str, Any] = {"track": "unsupervised", "demonstrations": {GRID: 0}}
    write_entry(root, "explored", families=(GRID,), level=0.4, facts=explored, **about)
    build_leaderboard(root, site, Verifier(replay=False))
    lines = (site / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("## unsupervised (protocol v0, MuJoCo 4.0)")
    assert lines[start + 4].startswith("| – | Explored |")
    assert "; coverage 75 %)" in lines[start + 4]
    assert sum("coverage 75 %" in line for line in lines) == 1
    document = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    covered = {row["name"]: row["families"][GRID]["coverage"] for row in document["rows"]}
    assert covered == {"cloned": None, "explored": 0.745763}
    assert {track["id"] for track in document["tracks"]} >= {"offline", "unsupervised"}
