from __future__ import annotations

import json
import math
from typing import Any

import pytest

from smile_bench.envs import all_families, get_family
from smile_bench.leaderboard.page.document import plot_kind
from tests.helpers.made_entries import ANT, CHEETAH


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
    reference = document["rows"][-1]
    assert (reference["kind"], reference["rank"]) == ("reference", None)


def test_positions_are_the_tasks(document: dict[str, Any]) -> None:
    families = {family["id"]: family for family in document["families"]}
    assert families[CHEETAH]["positions"][:2] == [0.05, 0.15]
    assert families[ANT]["positions"][0] == pytest.approx(math.pi / 32, rel=1e-5)
    assert families[ANT]["positions"] == sorted(families[ANT]["positions"])


def test_the_paper_s_rows_are_published_and_have_no_rank(document: dict[str, Any]) -> None:
    rows = document["published"]["rows"]
    assert len(rows) == 13
    assert all(row["kind"] == "published" and "rank" not in row for row in rows)


def test_rows_are_compared_with_each_other(document: dict[str, Any]) -> None:
    found = document["comparison"]
    (pair,) = found["improvements"]
    assert (pair["x"], pair["y"]) == ("first@v0/4.0", "second@v0/4.0")
    assert pair["probability"] == [1, 1, 1]
    profiles = found["profiles"]
    assert set(profiles["partial@v0/4.0"]) == {ANT}
    assert set(profiles["first@v0/4.0"]) == {"", *document["rows"][0]["families"]}
    for name in ("values", "low", "high"):
        assert len(profiles["second@v0/4.0"][""][name]) == len(found["thresholds"]) == 36
    # All runs of the second entry score one half.
    above = dict(zip(found["thresholds"], profiles["second@v0/4.0"][""]["values"], strict=True))
    assert {share for score, share in above.items() if score < 0.49} == {1}
    assert {share for score, share in above.items() if score > 0.51} == {0}


def test_rows_say_their_condition_and_seeds(document: dict[str, Any]) -> None:
    assert {row["condition"] for row in document["rows"]} == {"canonical"}
    assert document["rows"][0]["one_seed"]
    assert document["rows"][0]["families"][ANT]["trained"]
    assert not document["rows"][-1]["one_seed"]
    assert not document["rows"][-1]["families"][ANT]["trained"]
    assert document["surfaces"] == []
