"""Trackers of experiments: what they get, and that a resumed training is the same run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from smile_bench.baselines.training import train_agent
from smile_bench.cli import main
from smile_bench.errors import InputError, UnknownNameError
from smile_bench.settings import replaced

GRID, AGENT = "SmileGridGoal-v0", "tabular-smile"


class Tracker(ModuleType):
    """Stands for wandb or trackio: keeps what it was given."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.inits: list[dict[str, Any]] = []
        self.steps: list[int] = []
        self.names: set[str] = set()
        self.finished = 0

    def init(self, **options: Any) -> Tracker:
        self.inits.append(options)
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        assert self.finished < len(self.inits)
        self.steps.append(step)
        self.names |= values.keys()

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def trackers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tracker]:
    for name in ("WANDB_MODE", "WANDB_PROJECT", "TRACKIO_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    made = {name: Tracker(name) for name in ("wandb", "trackio")}
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    return made


def trained(folder: Path, *loggers: str, stop_after: int | None = None) -> None:
    train_agent(
        AGENT,
        GRID,
        folder,
        configure=lambda config: replaced(config, {"iterations": "4"}),
        loggers=loggers,
        stop_after=stop_after,
    )


def test_they_get_every_iteration_once_and_resume_as_one_run(
    tmp_path: Path, trackers: dict[str, Tracker]
) -> None:
    trained(tmp_path / "a", "wandb", "trackio", stop_after=2)
    trained(tmp_path / "a", "wandb", "trackio")
    trained(tmp_path / "b", "wandb")
    for name, steps in (("wandb", [1, 2, 3, 4, 1, 2, 3, 4]), ("trackio", [1, 2, 3, 4])):
        assert trackers[name].steps == steps
        assert trackers[name].names == {"losses/visit_difference"}
        assert trackers[name].finished == len(trackers[name].inits)
    first, again, other = trackers["wandb"].inits
    assert first["id"] == again["id"] != other["id"]
    assert first["mode"] == "offline"
    assert first["resume"] == "allow"
    assert first["config"]["family"] == GRID
    one, two = trackers["trackio"].inits
    assert one["name"] == two["name"]


def test_an_error_ends_their_runs(tmp_path: Path, trackers: dict[str, Tracker]) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    trackers["wandb"].log = fail  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, "wandb")
    assert trackers["wandb"].finished == 1


def test_the_command_line_passes_them_on(tmp_path: Path, trackers: dict[str, Tracker]) -> None:
    command = ["train", "--agent", AGENT, "--family", GRID, "--directory", str(tmp_path)]
    assert main([*command, "--set", "iterations=2", "--log", "trackio"]) == 0
    assert trackers["trackio"].steps == [1, 2]
    assert not trackers["wandb"].inits


def test_unknown_or_missing_trackers_are_refused_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'wandb'"):
        trained(tmp_path, "wand")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match=r"pip install 'smile-bench\[wandb\]'"):
        trained(tmp_path, "wandb")
    assert not list(tmp_path.iterdir())
