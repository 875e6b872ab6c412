"""How trainings stand, read from their folders."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from smile_bench.cli import main
from smile_bench.cli.watching import QUIET_SECONDS, curve, look
from smile_bench.errors import InputError

HEADER = "iteration,seconds,losses/critic,validation/min_distance"


def training(folder: Path, *rows: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "progress.csv").write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    return folder


def test_each_training_and_its_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training(tmp_path / "a" / "seed-0", "1,2.5,0.5,", "2,65.0,0.25,1.5", "3,130,0.2,0.5", "4,1")
    finished = training(tmp_path / "a" / "seed-1", "1,60,0.5,")
    (finished / "SmileAntGoal-v0.safetensors").touch()
    diverged = training(tmp_path / "b", "1,60,nan,")
    (diverged / "diverged.json").touch()
    quiet = training(tmp_path / "c")
    past = time.time() - 2 * QUIET_SECONDS
    os.utime(quiet / "progress.csv", (past, past))
    first, second, third, fourth = look([tmp_path])
    assert [one.state for one in (first, second, third, fourth)] == [
        "running",
        "finished",
        "diverged",
        "not running",
    ]
    assert (first.iteration, first.seconds) == (3, 130.0)
    assert (first.metric, first.values) == ("validation/min_distance", (1.5, 0.5))
    assert second.loss == ("losses/critic", 0.5)
    assert (third.metric, third.loss) == (None, None)
    assert main(["watch", "--once", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["a/seed-0", "running", "3", "2.2", "min"]
    assert lines[1].endswith("validation/min_distance 0.5  █▁")
    assert lines[2].endswith("losses/critic 0.5")


def test_a_curve_spans_its_values() -> None:
    assert curve((0.0, 7.0, 3.0)) == "▁█▄"
    assert curve((1.0,)) == "▁"
    assert len(curve(tuple(range(1000)))) == 24


def test_without_a_terminal_it_looks_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training(tmp_path / "a", "1,2.5,0.5,")
    assert main(["watch", str(tmp_path)]) == 0
    assert "a " in capsys.readouterr().out


def test_what_is_not_a_training_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        look([tmp_path / "none"])
    with pytest.raises(InputError, match=r"no progress\.csv lies in"):
        look([tmp_path])
    assert main(["watch", str(tmp_path), "--every", "0"]) == 2
    assert "--every is 0.0; give seconds" in capsys.readouterr().err
