"""``smile-bench fine-tune`` and ``verify`` of its results."""

from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.cli import main

GRID, AGENT = "SmileGridGoal-v0", "tests.helpers.fine_tuner:make_agent"


def _fine_tune(*more: str) -> int:
    return main(["fine-tune", "--agent", AGENT, "--family", GRID, *more])


def test_results_are_written_and_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--contexts", "expert", "half", "--seeds", "0-1", "--episodes", "0,1"]
    assert _fine_tune(*arguments, "--output", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert "contexts of the expert demonstrator (score 1.042), 2 training seeds" in shown
    assert "contexts of the half demonstrator (score 0.457)" in shown
    assert "area under the curve" in shown
    folder = str(tmp_path / GRID / "seed-1" / "half-1")
    assert main(["verify", folder]) == 0
    assert f"{folder}: verified exactly" in capsys.readouterr().out
    assert main(["verify", folder, "--agent", AGENT]) == 0
    assert "ok   score again" in capsys.readouterr().out
    assert main(["verify", folder, "--agent", AGENT, "--isolated"]) == 2
    assert "--isolated is for agents that imitate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--episodes", "0,101"], "the budget of 100 a task"),
        (["--episodes", "0,x"], "cannot read numbers of episodes from '0,x'"),
        (["--contexts", "best"], "unknown kind of contexts 'best'"),
        (["--seeds", "a"], "cannot read seeds"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fine_tune(*arguments, "--output", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_an_agent_that_only_imitates_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fine-tune", "--agent", "retrieve-and-play", "--family", GRID]
    assert main([*command, "--output", str(tmp_path)]) == 2
    assert "is not a fine-tuning agent" in capsys.readouterr().err
