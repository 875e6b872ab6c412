"""Copies of a run, by their files and by their content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.leaderboard.checks.duplicates import Content, read_content, same_run, shared_runs
from smile_bench.leaderboard.entries.reading import Entry, Evaluated, read_entry
from smile_bench.protocol.result_file import read_result
from tests.helpers.made_entries import ANT, CHEETAH, GRID, result, write_entry, write_result

ENTRIES = Path(__file__).parents[3] / "leaderboard" / "entries"


def contents_of(folder: Path) -> list[Content]:
    entry = read_entry(folder)
    return [
        read_content(entry, one, evidence=False) for run in entry.runs for one in run.evaluations
    ]


def shipped(name: str, family: str) -> tuple[Entry, Evaluated]:
    entry = read_entry(ENTRIES / name)
    (run,) = [run for run in entry.runs if (run.family, run.seed) == (family, 0)]
    return entry, run.primary


def content(name: str, family: str) -> Content:
    return read_content(*shipped(name, family), evidence=True)


def test_the_same_evidence_twice_is_found(tmp_path: Path) -> None:
    first = write_entry(tmp_path, "first", families=(ANT,))
    second = write_entry(tmp_path, "second", families=(CHEETAH,))
    copied = (first / ANT / "seed-0" / "primary" / "evidence.h5").read_bytes()
    again = second / CHEETAH / "seed-1" / "primary"
    write_result(again, result(CHEETAH, agent="second", seed=1), evidence=copied)
    # Evidence is compared by the SHA-256 that results state, so it need not be at hand.
    (again / "evidence.h5").unlink()
    assert shared_runs([*contents_of(first), *contents_of(second)]) == [
        f"second: {CHEETAH}/seed-1/primary has the same evidence as first: {ANT}/seed-0/primary."
    ]


def test_without_evidence_the_same_metrics_are_one_run(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "mine", families=(CHEETAH,))
    made = noisy(CHEETAH, agent="mine")
    for seed in (1, 2):
        claimed = replace(made, training={"seed": seed})
        write_result(folder / CHEETAH / f"seed-{seed}" / "primary", claimed)
    (finding,) = shared_runs(contents_of(folder))
    assert finding.startswith(f"mine: {CHEETAH}/seed-2/primary is the same run as mine: {CHEETAH}")
    assert "100% of their episodes have the same metrics" in finding


def noisy(family: str, **facts: Any) -> Any:
    """A result in which no two episodes have the same metric."""
    made = result(family, **facts)
    rng = np.random.default_rng(0)
    episodes = {k: v + 0.1 * rng.standard_normal(len(v)) for k, v in made.episodes.items()}
    return replace(made, episodes=episodes)


def test_shipped_runs_are_told_apart() -> None:
    names = ("expert", "task-blind", "retrieve-and-play", "meta-bc", "smile", "meta-dagger")
    for family in (ANT, GRID):
        found = [content(name, family) for name in names if (ENTRIES / name / family).is_dir()]
        assert shared_runs(found) == []


@pytest.mark.parametrize("family", [ANT, GRID])
def test_a_run_under_another_name_is_found_though_it_is_another_file(family: str) -> None:
    one = content("meta-bc", family)
    again = replace(one, sha256="0" * 64, entry="other", place="other: there")
    (finding,) = shared_runs([one, again])
    assert finding.startswith(f"other: there is the same run as meta-bc: {family}/seed-0/primary")
    assert "independent runs" in finding
    # Another seed of the same entry is not spared; another evaluation of the same training is.
    assert shared_runs([one, replace(again, entry="meta-bc", run=(family, 1))])
    assert not shared_runs([one, replace(again, entry="meta-bc")])


def test_a_run_that_is_slightly_disturbed_or_partly_copied_is_found() -> None:
    one, other = content("meta-bc", ANT), content("smile", ANT)
    assert one.actions is not None
    assert other.actions is not None
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.008, 0.008, one.actions.shape).astype(np.float32)
    assert same_run(one, replace(one, actions=one.actions + noise))
    half = np.where(np.arange(256)[:, None, None] % 2, one.actions, other.actions)
    assert same_run(one, replace(other, actions=half))
    assert same_run(one, other) is None


def test_references_may_act_alike_where_tasks_look_alike() -> None:
    one = content("expert", GRID)
    again = replace(one, sha256="0" * 64, entry="other")
    assert not shared_runs([one, again])
    assert shared_runs([one, replace(again, reference=False)])


def test_the_content_is_that_of_the_evidence() -> None:
    entry, one = shipped("meta-bc", ANT)
    found = read_content(entry, one, evidence=True)
    evidence = read_result(one.folder, evidence=True).evidence
    assert evidence is not None
    np.testing.assert_array_equal(found.actions, evidence.actions[:, :10])
    assert found.run == (ANT, 0)
