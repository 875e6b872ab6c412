"""Coverage is measured where a learner acts, apart for each access, and resumed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smile_bench.access import Access, Coverage
from smile_bench.access.together import environments_together
from smile_bench.arrays import Float32Array, IntArray
from smile_bench.envs import get_family
from tests.helpers import synthetic

GRID = get_family("SmileGridGoal-v0")
FREE = 59


def moves(rng: np.random.Generator, slots: int) -> Float32Array:
    return GRID.random_actions(rng, slots).astype(np.float32)


def acting(access: Access, slots: int, steps: int, seed: int = 0) -> set[int]:
    """Act at random for some steps; return the cells where it was."""
    rng = np.random.default_rng(seed)
    environments = access.environments(np.arange(slots))
    environments.reset(rng)
    cells = set(environments.observe()[:, :-1].argmax(1).tolist())
    for _ in range(steps):
        observations = environments.step(moves(rng, slots))
        cells |= set(observations[:, :-1].argmax(1).tolist())
        if environments.ended.any():
            environments.reset(rng)
            cells |= set(environments.observe()[:, :-1].argmax(1).tolist())
    return cells


def test_coverage_is_the_share_of_cells_that_were_reached() -> None:
    access = Access(GRID, track="unsupervised")
    assert access.coverage == Coverage(partition="cells that are not walls", cells=FREE, reached=0)
    first = acting(access, 2, 25)
    assert access.coverage is not None
    assert access.coverage.reached == len(first) > 2
    both = first | acting(access, 3, 25, seed=1)
    assert access.coverage.reached == len(both) > len(first)
    assert access.coverage.share == len(both) / FREE
    assert access.facts() == {
        "track": "unsupervised",
        "coverage": {
            "partition": "cells that are not walls",
            "cells": FREE,
            "reached": len(both),
            "share": len(both) / FREE,
        },
    }
    again = access.fresh()
    assert again.coverage is not None
    assert again.coverage.reached == 0
    assert access.coverage.reached == len(both)


def test_slots_that_have_not_begun_reach_nothing() -> None:
    access = Access(GRID, track="unsupervised")
    environments = access.environments(np.arange(40))
    environments.reset(np.random.default_rng(0), np.array([0, 1]))
    assert access.coverage is not None
    assert access.coverage.reached == 0
    environments.reset(np.random.default_rng(0), np.arange(2, 40))
    cells = environments.observe()[:, :-1].argmax(1)
    assert access.coverage.reached == len(np.unique(cells))


def test_each_of_several_learners_has_its_own_coverage() -> None:
    accesses = [Access(GRID, track="unsupervised") for _ in range(2)]
    environments = environments_together(accesses, np.arange(3))
    rng = np.random.default_rng(0)
    environments.reset(rng)
    seen = [environments.observe()]
    seen += [environments.step(moves(rng, 6)) for _ in range(15)]
    cells: IntArray = np.stack(seen)[..., :-1].argmax(-1)
    for access, own in zip(accesses, (cells[:, :3], cells[:, 3:]), strict=True):
        assert access.coverage is not None
        assert access.coverage.reached == len(np.unique(own))
    assert len(np.unique(cells[:, :3])) != len(np.unique(cells[:, 3:]))


def test_a_resumed_training_continues_its_coverage() -> None:
    access = Access(GRID, track="unsupervised")
    first = acting(access, 2, 20)
    stored = access.state_dict()
    resumed = Access(GRID, track="unsupervised")
    resumed.restore(stored)
    assert (resumed.counts, resumed.coverage) == (access.counts, access.coverage)
    both = first | acting(resumed, 2, 20, seed=3)
    assert resumed.coverage is not None
    assert resumed.coverage.reached == len(both) > len(first)
    assert stored["reached"].sum() == len(first)  # What was stored does not change.


def test_after_counts_alone_the_coverage_is_not_known() -> None:
    access = Access(GRID, track="unsupervised")
    acting(access, 2, 5)
    resumed = Access(GRID, track="unsupervised")
    resumed.restore(vars(access.counts))
    assert resumed.coverage is None
    acting(resumed, 2, 5)
    assert resumed.facts() == {"track": "unsupervised"}
    assert "reached" not in resumed.state_dict()
    resumed.restore(vars(Access(GRID).counts))  # Nothing was done before: nothing is unknown.
    assert resumed.coverage is not None
    with pytest.raises(ValueError, match="the reached cells are bool"):
        resumed.restore({"env_steps": 3, "reached": np.zeros(FREE + 1, np.bool_)})


def test_what_has_no_partition_or_no_environments_has_no_coverage() -> None:
    without = replace(get_family(synthetic.FAMILY), partition=None)
    access = Access(without, track="unsupervised", dataset=synthetic.dataset())
    environments = access.environments(np.array([0]))
    environments.reset(np.random.default_rng(0))
    environments.step(np.zeros((1, without.action_size), np.float32))
    assert access.coverage is None
    assert access.counts.env_steps == 1
    assert "coverage" not in access.facts()
    assert Access(GRID, track="offline").coverage is None
    assert Access("SmileWalkerDynamics-v0").coverage is None


def test_any_track_with_environments_measures_coverage() -> None:
    access = Access(GRID)
    cells = acting(access, 2, 10)
    assert access.facts()["coverage"]["reached"] == len(cells)
    assert access.facts()["condition"]["demonstrations"] == 16
