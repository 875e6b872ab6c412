"""Cells and jobs: what their ids are made of, and where they work."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

import smile_bench
from smile_bench.baselines import registry
from smile_bench.datasets import Condition
from smile_bench.envs import get_family
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.studies import study
from smile_bench.studies.reading import parse_study
from smile_bench.studies.study import Cell, Job

GRID = "SmileGridGoal-v0"


def cell(**changed: Any) -> Cell:
    usual: dict[str, Any] = {
        "agent": "tabular-smile",
        "family": GRID,
        "condition": Condition(),
        "seeds": (0, 1, 2),
    }
    return Cell(**{**usual, **changed})


def test_an_id_follows_from_everything_that_the_results_follow_from() -> None:
    meta_test = load_meta_test(GRID)
    assert cell(changes=(("iterations", "20"),)).facts == {
        "agent": "tabular-smile",
        "family": GRID,
        "condition": Condition().on(get_family(GRID)).digest,
        "settings": {
            "family": GRID,
            "iterations": "20",
            "tasks_per_batch": "24",
            "hidden": "64",
            "learning_rate": "0.02",
            "weight_decay": "0.002",
        },
        "protocol": meta_test.version,
        "dataset": meta_test.dataset,
        "version": smile_bench.__version__,
    }
    assert len(cell().id) == 12
    json.dumps(cell().facts)


@pytest.mark.parametrize(
    "changed",
    [
        {"agent": "expert"},
        {"condition": Condition(demonstrations=4)},
        {"condition": Condition(tasks=8)},
        {"changes": (("iterations", "20"),)},
        {"changes": (("iterations", "21"),)},
        {"precision": "bf16"},
    ],
)
def test_what_changes_results_changes_the_id(changed: dict[str, Any]) -> None:
    others = [cell().id, cell(changes=(("hidden", "16"),)).id]
    assert cell(**changed).id not in others
    assert cell(**changed).folder.endswith(cell(**changed).id)


def test_a_version_or_a_preset_that_changes_makes_another_cell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = cell().id
    with monkeypatch.context() as patch:
        patch.setattr(study, "__version__", "99.0")
        assert cell().id != before
    training = registry.get_agent("tabular-smile").training
    assert training is not None
    preset = training.make_preset

    def other(_: object, family: str, seed: int) -> Any:
        return replace(preset(family, seed), hidden=65)

    with monkeypatch.context() as patch:
        patch.setattr(registry.TrainingSpec, "make_preset", other)
        assert cell().id != before
    assert cell().id == before


def test_what_changes_no_result_keeps_the_id() -> None:
    assert cell(seeds=(7,)).id == cell().id
    assert cell(together=3).id == cell().id
    whole = get_family(GRID)
    demonstrations = Condition().on(whole).demonstrations
    assert cell(condition=Condition(demonstrations=demonstrations)).id == cell().id
    one = cell(changes=(("hidden", "16"), ("iterations", "9")))
    assert cell(changes=(("iterations", "9"), ("hidden", "16"))).id == one.id


def test_the_order_of_a_file_changes_no_id() -> None:
    start = f'name = "a"\n[[cells]]\nfamilies = ["{GRID}"]\nagents = ["tabular-smile"]\n'
    (one,) = parse_study(start + "settings = { iterations = 9, hidden = 16 }", "a").cells
    (two,) = parse_study(start + "settings = { hidden = 16, iterations = 9 }", "a").cells
    assert (one.id, one.folder) == (two.id, two.folder)


def test_seeds_are_cut_into_jobs() -> None:
    def blocks(default: int | None, **changed: Any) -> list[tuple[int, ...]]:
        return [job.seeds for job in cell(**changed).jobs(default)]

    assert blocks(1) == [(0,), (1,), (2,)]
    assert blocks(None) == [(0, 1, 2)]
    assert blocks(1, together=2) == [(0, 1), (2,)]


def test_a_job_is_the_same_everywhere() -> None:
    job = cell().jobs(1)[1]
    assert job == Job(cell=cell(), seeds=(1,))
    assert job.id == Job(cell=cell(together=5), seeds=(1,)).id
    assert job.id != cell().jobs(1)[0].id
    assert job.folder == f"{cell().folder}/seeds-1"
    assert job.label == f"tabular-smile | {GRID} | 16 demonstrations, all tasks | seed 1"


def test_folders_have_names_that_file_systems_hold() -> None:
    seeds = tuple(range(0, 800, 2))
    many = Job(cell=cell(seeds=seeds), seeds=seeds)
    more = Job(cell=cell(seeds=seeds), seeds=(*seeds, 801))
    changes = tuple((f"setting_{n}", "1" * 40) for n in range(20))
    named = replace(cell(), changes=changes)
    named.__dict__["id"] = "0" * 12
    for part in (*many.folder.split("/"), *named.folder.split("/")):
        assert len(part.encode()) <= 128
    assert many.folder != more.folder


def test_a_study_has_a_digest_of_its_cells_and_seeds() -> None:
    start = f'name = "a"\n[[cells]]\nfamilies = ["{GRID}"]\nagents = ["tabular-smile"]\n'
    digest = parse_study(start, "a").digest
    assert parse_study("# a comment\n" + start, "b").digest == digest
    assert parse_study(start + "seeds = 1", "a").digest != digest
