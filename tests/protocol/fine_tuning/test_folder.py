from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from smile_bench.errors import InputError, ProtocolError
from smile_bench.protocol.fine_tuning.folder import (
    fine_tune_into,
    read_fine_tuned,
    result_folder,
)
from tests.helpers.fine_tuner import BestOfChance

GRID, NUMBERS = "SmileGridGoal-v0", (0, 1)


def _run(directory: Path, seeds: tuple[int, ...], agent: BestOfChance | None = None) -> list[float]:
    found = fine_tune_into(directory, agent or BestOfChance(), GRID, seeds=seeds, episodes=NUMBERS)
    scores: list[float] = found.scores.tolist()
    return scores


class Forbidden(BestOfChance):
    def begin(self, contexts: object, seeds: object) -> object:  # type: ignore[override]
        raise AssertionError("it learns again")


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    first = _run(tmp_path, (0, 1))
    assert sorted(path.name for path in (tmp_path / GRID / "seed-1").iterdir()) == [
        "expert-0",
        "expert-1",
    ]
    assert _run(tmp_path, (0, 1), Forbidden()) == first
    # A run that was killed between two results learns again, and reaches the same.
    shutil.rmtree(result_folder(tmp_path, GRID, 1, "expert", 1))
    with pytest.raises(AssertionError, match="learns again"):
        _run(tmp_path, (0, 1), Forbidden())
    assert _run(tmp_path, (0, 1)) == first
    found = read_fine_tuned(tmp_path, GRID, "expert", (0, 1), NUMBERS)
    assert np.array_equal(found.scores, first)


def test_results_of_another_agent_are_not_mixed(tmp_path: Path) -> None:
    _run(tmp_path, (0,))
    other = BestOfChance()
    other.weights_sha256 = "0" * 64  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"differs from this run in its agent, training, weights"):
        _run(tmp_path, (0, 1), other)


def test_results_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="seed-7/expert-0 is missing"):
        read_fine_tuned(tmp_path, GRID, "expert", (7,))
