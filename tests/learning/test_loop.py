"""The loop around every training: logs, checkpoints, and what it refuses to continue."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from smile_bench.errors import CheckpointError, DivergedError
from smile_bench.learning.loop import run


class Sparse:
    """Logs a score at every third iteration only."""

    iterations = 7

    def __init__(self, **settings: Any) -> None:
        self.iteration = 0
        self.settings: Mapping[str, Any] = settings

    def step(self) -> dict[str, float]:
        self.iteration += 1
        scored = self.iteration % 3 == 0
        log = {"losses/x": 1.0 / self.iteration}
        return log | ({"validation/score": float(self.iteration)} if scored else {})

    def state_dict(self) -> dict[str, Any]:
        return {"iteration": self.iteration}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.iteration = state["iteration"]


def test_columns_may_be_missing_in_some_iterations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []

    class Bar:
        def __init__(self, **_: Any) -> None: ...
        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...
        def update(self) -> None: ...
        def set_postfix(self, values: Mapping[str, str]) -> None:
            shown.append(dict(values))

    monkeypatch.setattr("smile_bench.learning.loop.tqdm", Bar)
    for stop in (1, 4, None):
        run(Sparse(), tmp_path, stop_after=stop)
    with (tmp_path / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == [*"1234567"]
    scores = [row["validation/score"] for row in rows]
    assert scores == ["", "", "3.0", "", "", "6.0", ""]
    # The last score stays on the bar.
    assert [values.get("score") for values in shown] == [None, None, "3", "3", None, "6", "6"]


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    class Other(Sparse):
        def load_state_dict(self, state: Mapping[str, Any]) -> None:
            torch.nn.Linear(2, 1).load_state_dict(state)

    run(Sparse(), tmp_path, stop_after=1)
    stored = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match="not its networks, as another version"):
        run(Other(), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == stored


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    run(Sparse(seed=0, rate=0.5), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match=r"\(rate: 0\.5 stored, 0\.1 given\)"):
        run(Sparse(seed=0, rate=0.1), tmp_path)


def test_an_interrupt_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    class Interrupted(Sparse):
        def step(self) -> dict[str, float]:
            if self.iteration == 4:
                raise KeyboardInterrupt
            return super().step()

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), tmp_path, checkpoint_seconds=0.0)
    resumed = Sparse()
    run(resumed, tmp_path, stop_after=5)
    assert resumed.iteration == 5
    rows = (tmp_path / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [*"12345"]


def test_a_logged_number_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    class Diverging(Sparse):
        def step(self) -> dict[str, float]:
            return {**super().step(), "losses/y": float("inf") if self.iteration == 2 else 0.0}

    with pytest.raises(DivergedError, match="losses/y became non-finite at iteration 2"):
        run(Diverging(), tmp_path)
