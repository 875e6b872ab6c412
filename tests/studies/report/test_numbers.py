"""The numbers of a report, computed again from the episodes in the files of results."""

from __future__ import annotations

import csv
import json
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import trim_mean

from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.report import write_report
from tests.helpers.made_folders import made_study
from tests.studies.report.made import CHEETAH, CLASSIFICATION, PAPER, WALKER, level

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

Rows = dict[tuple[str, str, str, str], dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return made_study(tmp_path_factory.mktemp("reports") / "study", PAPER, level)


@pytest.fixture(scope="module")
def rows(folder: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """``table.csv`` by agent, family, demonstrations with subsampling, and metric."""
    output = tmp_path_factory.mktemp("output") / "page"
    write_report(folder, output, file="studies/small.toml")
    with (output / "table.csv").open(encoding="utf-8", newline="") as lines:
        found = list(csv.DictReader(lines))
    keys = [
        (r["agent"], r["family"], f"{r['demonstrations']}/{r['subsample']}", r["metric"])
        for r in found
    ]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, found, strict=True))


def documents(folder: StudyFolder, agent: str, family: str, start: str) -> list[dict[str, object]]:
    """The files of results of a cell's seeds."""
    paths = sorted(folder.path.glob(f"{agent}/{family}/{start}*/seeds-*/seed-*/*/result.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def per_task(document: dict[str, object], metric: str) -> list[float]:
    """Means over the episodes of each task."""
    episodes = document["episodes"]
    assert isinstance(episodes, dict)
    by_task: dict[int, list[float]] = defaultdict(list)
    for task, value in zip(episodes["task"], episodes[metric], strict=True):
        by_task[task].append(value)
    return [statistics.fmean(by_task[task]) for task in sorted(by_task)]


@pytest.mark.parametrize(
    ("agent", "family", "start", "key", "metric"),
    [
        ("smile", CHEETAH, "16-", "16/20", "velocity_error"),
        ("meta-bc", CHEETAH, "4-", "4/20", "velocity_error"),
        ("smile-state-only", CHEETAH, "64-demonstrations-all-tasks-subs", "64/1", "velocity_error"),
        ("meta-dagger", CLASSIFICATION, "16-", "16/1", "no_op"),
        ("meta-bc", WALKER, "32-", "32/20", "episode_return"),
    ],
)
def test_means_and_deviations(
    folder: StudyFolder, rows: Rows, agent: str, family: str, start: str, key: str, metric: str
) -> None:
    row = rows[agent, family, key, metric]
    values = [per_task(one, metric) for one in documents(folder, agent, family, start)]
    assert len(values) == int(row["seeds"]) == 3
    means = [statistics.fmean(one) for one in values]
    assert float(row["mean"]) == pytest.approx(statistics.fmean(means))
    assert float(row["sd_over_seeds"]) == pytest.approx(statistics.stdev(means), rel=1e-6)
    pooled = statistics.stdev([value for one in values for value in one])
    assert float(row["sd_pooled"]) == pytest.approx(pooled, rel=1e-6)
    deviation = statistics.fmean(means) - float(row["paper_mean"])
    assert float(row["deviation"]) == pytest.approx(deviation)


def test_the_score_is_the_interquartile_mean_over_seeds_and_tasks(
    folder: StudyFolder, rows: Rows
) -> None:
    found = documents(folder, "smile", WALKER, "32-")
    scores = np.array([one["scores_per_task"] for one in found], dtype=float)
    row = rows["smile", WALKER, "32/20", "score"]
    assert float(row["mean"]) == pytest.approx(np.nanmean(scores))
    assert float(row["score_iqm"]) == pytest.approx(trim_mean(scores.ravel(), 0.25))
    assert float(row["score_low"]) < float(row["score_iqm"]) < float(row["score_high"])


@pytest.mark.parametrize(
    ("agent", "family", "key", "metric", "expected"),
    [
        ("smile", CHEETAH, "16/20", "velocity_error", "better"),
        ("meta-dagger", CHEETAH, "16/20", "velocity_error", ""),
        ("smile", WALKER, "32/20", "episode_return", "better"),
        ("meta-bc", WALKER, "32/20", "score", "better"),
        ("smile-state-only", CLASSIFICATION, "16/1", "success", "better"),
        ("meta-dagger", CHEETAH, "64/1", "velocity_error", ""),
        ("meta-bc", CHEETAH, "64/1", "velocity_error", "worse"),
        ("meta-bc", CHEETAH, "16/20", "velocity_error", "within"),
    ],
)
def test_verdicts(
    rows: Rows, agent: str, family: str, key: str, metric: str, expected: str
) -> None:
    assert rows[agent, family, key, metric]["verdict"] == expected


def test_a_cell_with_one_seed_has_no_deviation_over_seeds(rows: Rows) -> None:
    row = rows["smile", CHEETAH, "4/20", "velocity_error"]
    assert (row["seeds"], row["sd_over_seeds"]) == ("1", "")
    assert float(row["sd_pooled"]) > 0.0


def test_a_cell_without_a_result_has_the_papers_number(rows: Rows) -> None:
    row = rows["meta-dagger", CHEETAH, "64/1", "velocity_error"]
    assert (row["seeds"], row["mean"], row["verdict"]) == ("0", "", "")
    assert (float(row["paper_mean"]), float(row["paper_sd"])) == (0.082, 0.059)


def test_costs(rows: Rows) -> None:
    row = rows["meta-dagger", CHEETAH, "16/20", "velocity_error"]
    assert float(row["cpu_seconds"]) == 3601.0
    assert float(row["seconds"]) == 1800.0
    assert (float(row["env_steps"]), float(row["expert_queries"])) == (1000.0, 50.0)


def test_the_file_is_whole(tmp_path: Path, folder: StudyFolder, rows: Rows) -> None:
    """Each metric of each cell, and the score."""
    metrics = {CHEETAH: 1, WALKER: 1, CLASSIFICATION: 2}
    expected = sum(metrics.get(cell.family, 1) + 1 for cell in folder.study.cells)
    assert len(rows) == expected
