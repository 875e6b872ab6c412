"""The loop around every training: logs, checkpoints, and what it refuses to continue."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.errors import CheckpointError, DivergedError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.loop import Interleaved, RunReport, run, run_all


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

    monkeypatch.setattr("smile_bench.learning.loop.running.tqdm", Bar)
    for stop in (1, 4, None):
        run(Sparse(), tmp_path, stop_after=stop)
    with (tmp_path / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == [*"1234567"]
    scores = [row["validation/score"] for row in rows]
    assert scores == ["", "", "3.0", "", "", "6.0", ""]
    # The last score stays on the bar.
    assert [values.get("score") for values in shown] == [None, None, "3", "3", None, "6", "6"]


def test_tensorboard_has_every_step_once_whatever_was_cut(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Cut(Sparse):
        def step(self) -> dict[str, float]:
            if self.iteration == 5:
                raise KeyboardInterrupt
            return {"losses/x": super().step()["losses/x"] + 100.0}

    def next_second() -> None:
        """TensorBoard orders the files of one second by a number without leading zeros."""
        time.sleep(1.05)

    run(Sparse(), tmp_path, stop_after=3)
    next_second()
    with pytest.raises(KeyboardInterrupt):
        run(Cut(), tmp_path)  # It leaves the events of 4 and 5, and no checkpoint.
    for _ in range(2):  # The second has nothing to do.
        next_second()
        run(Sparse(), tmp_path)
        events = EventAccumulator(str(tmp_path / "tensorboard"))
        events.Reload()
        found = [(event.step, event.value) for event in events.Scalars("losses/x")]
        assert [step for step, _ in found] == [*range(1, 8)]
        np.testing.assert_allclose([x for _, x in found], [1 / n for n in range(1, 8)], rtol=1e-6)
        assert [event.step for event in events.Scalars("validation/score")] == [3, 6]


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    class Other(Sparse):
        def load_state_dict(self, state: Mapping[str, Any]) -> None:
            torch.nn.Linear(2, 1).load_state_dict(state)

    run(Sparse(), tmp_path, stop_after=1)
    stored = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match="not its state, as another version"):
        run(Other(), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == stored


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    run(Sparse(seed=0, rate=0.5), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match=r"\(rate: 0\.5 stored, 0\.1 given\)"):
        run(Sparse(seed=0, rate=0.1), tmp_path)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"settings": None, "seconds": 1.0, "training": {}},
        {"settings": {"x": torch.zeros(2)}, "seconds": 1.0, "training": {}},
    ],
)
def test_what_is_not_the_checkpoint_of_a_training_is_refused(
    tmp_path: Path, state: dict[str, Any]
) -> None:
    save_checkpoint(tmp_path / "checkpoint.safetensors", state)
    with pytest.raises(CheckpointError, match="not the checkpoint of a training"):
        run(Sparse(x=1), tmp_path)


@pytest.mark.parametrize("iteration", [-1, 8, "3", 2.5, None])
def test_a_checkpoint_of_an_iteration_that_the_training_does_not_have_is_refused(
    tmp_path: Path, iteration: object
) -> None:
    state = {"settings": {}, "seconds": 1.0, "training": {"iteration": iteration}}
    save_checkpoint(tmp_path / "checkpoint.safetensors", state)
    with pytest.raises(CheckpointError, match=f"not its state.*at iteration {iteration}"):
        run(Sparse(), tmp_path)


def test_a_folder_that_holds_a_directory_for_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").mkdir()
    with pytest.raises(CheckpointError, match="cannot read a checkpoint"):
        run(Sparse(), tmp_path)


@pytest.mark.parametrize(
    "log",
    [
        b"a,b\n1,2\n",
        b"iteration,losses/x\none,2\n",
        b"iteration\n1,2\n",
        b"losses/x,iteration\n2\n",
        b"iteration\n\xff\n",
        b"iteration\n1\0\n",
    ],
)
def test_a_log_of_something_else_is_refused(tmp_path: Path, log: bytes) -> None:
    run(Sparse(), tmp_path, stop_after=1)
    stored = (tmp_path / "checkpoint.safetensors").read_bytes()
    (tmp_path / "progress.csv").write_bytes(log)
    with pytest.raises(CheckpointError, match=r"progress\.csv is not the log .* Move or remove it"):
        run(Sparse(), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == stored
    (tmp_path / "progress.csv").unlink()
    run(Sparse(), tmp_path)


@pytest.mark.parametrize("log", [None, b""])
def test_without_its_log_a_training_continues(tmp_path: Path, log: bytes | None) -> None:
    run(Sparse(), tmp_path, stop_after=1)
    (tmp_path / "progress.csv").unlink()
    if log is not None:
        (tmp_path / "progress.csv").write_bytes(log)
    run(Sparse(), tmp_path, stop_after=3)
    rows = (tmp_path / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["iteration", "2", "3"]


def test_the_time_of_interrupted_runs_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = np.array([100.0, 3.0])
    """On the clock and of the processor."""
    clock = SimpleNamespace(perf_counter=lambda: now[0], process_time=lambda: now[1])
    monkeypatch.setattr("smile_bench.learning.loop.clock.time", clock)

    class Slow(Sparse):
        """An iteration takes 2.5 s, and 4 s of the processor's threads."""

        def step(self) -> dict[str, float]:
            now[:] += 2.5, 4.0
            return super().step()

    def took(stop_after: int) -> tuple[float, float | None]:
        report = run_all(Interleaved([Slow()]), [tmp_path], stop_after=stop_after)
        stored = load_checkpoint(tmp_path / "checkpoint.safetensors")
        assert stored["seconds"] == report.seconds
        assert stored.get("cpu_seconds") == report.cpu_seconds
        return report.seconds, report.cpu_seconds

    assert took(3) == (7.5, 12.0)
    now[:] = 5000.0, 700.0  # Time between two runs does not count.
    assert took(4) == (10.0, 16.0)
    now[:] = 20.0, 0.5  # Another process has other clocks.
    assert took(4) == (10.0, 16.0)
    rows = list(csv.DictReader((tmp_path / "progress.csv").read_text().splitlines()))
    assert [row["iteration"] for row in rows] == [*"1234"]
    assert [row["seconds"] for row in rows] == ["2.5", "5.0", "7.5", "10.0"]
    # Where a part was not counted, the whole is not known.
    stored = dict(load_checkpoint(tmp_path / "checkpoint.safetensors"))
    del stored["cpu_seconds"]
    save_checkpoint(tmp_path / "checkpoint.safetensors", stored)
    assert took(5) == (12.5, None)


def test_a_recipe_states_whole_seconds_and_nothing_that_is_not_known() -> None:
    report = RunReport(seconds=7.6, cpu_seconds=12.2, diverged={})
    assert report.costs() == {"seconds": 8, "cpu_seconds": 12}
    assert replace(report, cpu_seconds=None).costs() == {"seconds": 8}


def test_a_training_that_had_ended_keeps_its_checkpoint(tmp_path: Path) -> None:
    class Scheduled(Sparse):
        """Its rate is what its last step has set, and no part of what is loaded."""

        rate = 1.0

        def step(self) -> dict[str, float]:
            log = super().step()
            self.rate = 1.0 / self.iteration
            return log

        def state_dict(self) -> dict[str, Any]:
            return {**super().state_dict(), "rate": self.rate}

    run(Scheduled(), tmp_path)
    content = (tmp_path / "checkpoint.safetensors").read_bytes()
    run(Scheduled(), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == content


def test_it_may_stop_before_the_first_iteration(tmp_path: Path) -> None:
    training = Sparse()
    run(training, tmp_path, stop_after=0)
    assert training.iteration == 0
    resumed = Sparse()
    run(resumed, tmp_path)
    assert resumed.iteration == 7


@pytest.mark.parametrize(("interval", "kept"), [(0.5, 4), (1000.0, 0)])
def test_an_interrupt_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: float, kept: int
) -> None:
    # A second passes between two looks at the clock.
    clock = SimpleNamespace(perf_counter=count().__next__)
    monkeypatch.setattr("smile_bench.learning.loop.running.time", clock)
    monkeypatch.setattr("smile_bench.learning.loop.running.SHARE", 0)  # Writing takes no time.

    class Interrupted(Sparse):
        def step(self) -> dict[str, float]:
            if self.iteration == 4:
                raise KeyboardInterrupt
            return super().step()

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), tmp_path, checkpoint_seconds=interval)
    rows = (tmp_path / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [*"1234"]
    assert (tmp_path / "checkpoint.safetensors").exists() is (kept > 0)
    begun: list[int] = []

    class Resumed(Sparse):
        def step(self) -> dict[str, float]:
            begun.append(self.iteration)
            return super().step()

    run(Resumed(), tmp_path, stop_after=6)
    assert begun == list(range(kept, 6))
    rows = (tmp_path / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [*"123456"]


def test_a_checkpoint_of_another_subset_is_refused(tmp_path: Path) -> None:
    run(Sparse(x=1), tmp_path, subset={"tasks": 3}, stop_after=1)
    for subset, given in (({"tasks": 4}, "'tasks': 4"), ({}, "None"), (None, "None")):
        with pytest.raises(CheckpointError, match=rf"subset: {{'tasks': 3}} stored, .*{given}"):
            run(Sparse(x=1), tmp_path, subset=subset)
    resumed = Sparse(x=1)
    run(resumed, tmp_path, subset={"tasks": 3})
    assert resumed.iteration == 7


def test_a_logged_number_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    class Diverging(Sparse):
        def step(self) -> dict[str, float]:
            return {**super().step(), "losses/y": float("inf") if self.iteration == 2 else 0.0}

    with pytest.raises(DivergedError, match="losses/y became non-finite at iteration 2"):
        run(Diverging(), tmp_path)
