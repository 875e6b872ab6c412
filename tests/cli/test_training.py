"""``smile-bench train``: settings, subsets and what the recipe says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from smile_bench.cli import main

pytest.importorskip("torch")

GRID = "SmileGridGoal-v0"
TRAIN = ["train", "--agent", "tabular-smile", "--family", GRID]


def recipe(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="numpy") as file:
        found: dict[str, Any] = json.loads(file.metadata()["recipe"])
    return found


def test_settings_and_subset_land_in_the_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--set", "iterations=2", "--set", "learning_rate = 1e-2"]
    subset = ["--tasks", "8", "--demonstrations", "9"]
    directory = tmp_path / "a"
    options = ["--seed", "1", *subset, *given]
    assert main([*TRAIN, *options, "--directory", str(directory)]) == 0
    path = directory / f"{GRID}.safetensors"
    assert capsys.readouterr().out == f"wrote {path}\n"
    made = recipe(path)
    assert made["command"] == (
        f"smile-bench train --agent tabular-smile --family {GRID} --seed 1 --demonstrations 9 "
        "--tasks 8 --set iterations=2 --set learning_rate=0.01"
    )
    assert made["settings"]["iterations"] == 2
    assert made["settings"]["learning_rate"] == 0.01
    assert made["subset"] == {"demonstrations": 9, "tasks": 8}
    assert made["access"]["demonstrations"] == 72

    # The command in the recipe makes the same weights.
    again = tmp_path / "b"
    assert main([*made["command"].split()[1:], "--directory", str(again)]) == 0
    first, second = load_file(path), load_file(again / f"{GRID}.safetensors")
    assert all((first[name] == second[name]).all() for name in first)

    # A training of other data is not continued.
    capsys.readouterr()
    other = [*TRAIN, "--seed", "1", "--tasks", "9", "--demonstrations", "9", *given]
    assert main([*other, "--directory", str(directory)]) == 2
    assert "subset: {'demonstrations': 9, 'tasks': 8} stored" in capsys.readouterr().err


def test_the_printed_configuration_is_what_set_takes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", "--agent", "smile", "--family", "SmileAntGoal-v0", "--print-config"]
    assert main([*command, "--set", "sac.discount=0.9", "--set", "iterations=7"]) == 0
    text = capsys.readouterr().out
    header, *lines = text.splitlines()
    assert header == "# smile on SmileAntGoal-v0, seed 0"
    assert {"sac.discount = 0.9", "iterations = 7"} <= set(lines)
    assert not [line for line in lines if line.startswith(("seed", "family"))]
    assert main([*command, *(part for line in lines for part in ("--set", line))]) == 0
    assert capsys.readouterr().out == text
    assert main(command) == 0
    assert capsys.readouterr().out != text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--set", "iterations"],
            "--set takes NAME=VALUE, such as iterations=40; got 'iterations'",
        ),
        (["--set", "=3"], "--set takes NAME=VALUE"),
        (["--set", "seed=3"], "'seed' is not changed by --set; use --seed or --seeds."),
        (["--set", "family=3"], "'family' is not changed by --set; use --family."),
        (["--set", "iteration=3"], "Did you mean 'iterations'?"),
        (["--set", "iterations=many"], "iterations takes an integer; got 'many'."),
        (["--tasks", "65"], "has 64 meta-train tasks, not 65. Give 1 to 64."),
        (["--demonstrations", "17"], "16 demonstrations of each meta-train task, not 17."),
        (["--tasks", "x"], "--tasks: invalid int value: 'x'"),
    ],
)
def test_wrong_usage_is_one_line_and_trains_nothing(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN, *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_contexts_larger_than_what_is_left_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", "--agent", "meta-bc", "--family", GRID, "--demonstrations", "4"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "cannot have 4 demonstrations" in error
    assert error.count("\n") == 1
