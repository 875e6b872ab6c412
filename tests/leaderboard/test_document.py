from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from smile_bench.envs import all_families, get_family
from smile_bench.leaderboard.document import leaderboard_document, plot_kind
from smile_bench.leaderboard.entries import read_entry
from smile_bench.leaderboard.markdown import leaderboard_markdown
from smile_bench.leaderboard.published import load_published
from smile_bench.leaderboard.rows import entry_rows, rank
from smile_bench.leaderboard.verification import Status
from tests.helpers.made_entries import ANT, CHEETAH, FAMILIES, write_entry


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    folders = [
        write_entry(tmp_path, "first", level=0.9, spread=0.05),
        write_entry(tmp_path, "second", level=0.5, title="A | <b>pipe</b> [x](y)"),
        write_entry(tmp_path, "partial", families=(ANT,)),
        write_entry(tmp_path, "told", reference=True, facts={"privileged": True, "training": None}),
    ]
    rows = [
        row
        for folder in folders
        for row in entry_rows(read_entry(folder), lambda one: Status.EXACT, FAMILIES)
    ]
    return leaderboard_document(rank(rows), load_published(), FAMILIES, evidence_base="../entries/")


def test_tasks_are_laid_out_by_what_they_are() -> None:
    assert {family: plot_kind(get_family(family)) for family in all_families()} == {
        "SmileAntGoal-v0": "circle",
        "SmileAntLinearClassification-v0": "shots",
        "SmileGridGoal-v0": "scatter",
        "SmileHalfCheetahVelocity-v0": "line",
        "SmileWalkerDynamics-v0": "scatter",
    }


def test_every_number_is_finite_and_the_document_is_json(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_rows_say_what_was_measured(document: dict[str, Any]) -> None:
    first = document["rows"][0]
    assert (first["name"], first["rank"], first["kind"]) == ("first", 1, "entry")
    assert first["partition"] == "v0/4.0"
    value, low, high = first["overall"]["iqm"]
    assert low <= value <= high
    assert value == pytest.approx(0.9, abs=0.05)
    cheetah = first["families"][CHEETAH]
    assert len(cheetah["per_task"]) == len(cheetah["scores"]) == 30
    assert cheetah["cost"] == {"env_steps": 0, "expert_queries": 0, "hours": 0.5}
    assert cheetah["evidence"] == [
        {"label": "seed 0, primary", "path": f"first/{CHEETAH}/seed-0/primary"}
    ]
    partial = next(row for row in document["rows"] if row["name"] == "partial")
    assert partial["overall"] is None
    assert partial["rank"] is None
    assert partial["families"][ANT]["rank"] == 2
    told = document["rows"][-1]
    assert (told["kind"], told["rank"]) == ("reference", None)


def test_positions_are_the_tasks(document: dict[str, Any]) -> None:
    families = {family["id"]: family for family in document["families"]}
    assert families[CHEETAH]["positions"][:2] == [0.05, 0.15]
    assert families[ANT]["positions"][0] == pytest.approx(math.pi / 32, rel=1e-5)
    assert families[ANT]["positions"] == sorted(families[ANT]["positions"])


def test_the_paper_s_rows_are_published_and_have_no_rank(document: dict[str, Any]) -> None:
    rows = document["published"]["rows"]
    assert len(rows) == 13
    assert all(row["kind"] == "published" and "rank" not in row for row in rows)


def test_markdown_has_every_row_and_escapes_text(document: dict[str, Any]) -> None:
    text = leaderboard_markdown(document)
    lines = text.splitlines()
    assert "## offline (protocol v0, MuJoCo 4.0)" in lines
    assert "## references, told the task (protocol v0, MuJoCo 4.0)" in lines
    assert "## Published, unverified" in lines
    (second,) = [line for line in lines if "pipe" in line]
    assert second.startswith("| 2 | A \\| &lt;b&gt;pipe&lt;/b&gt; \\[x\\]\\(y\\) | **0.500**")
    for before, rule in pairwise(lines):
        if rule.startswith("| ---"):
            assert before.count("|") == rule.count("|")
    assert any(line.startswith("| – | Partial | incomplete") for line in lines)
