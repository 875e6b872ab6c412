"""``smile-bench train``: settings, subsets and what the recipe says of them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from smile_bench.cli import main
from smile_bench.datasets import Condition

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
    condition = made["condition"]
    assert (condition["demonstrations"], condition["tasks"]) == (9, 8)
    assert condition["sha256"] == Condition(demonstrations=9, tasks=8).on(GRID).digest
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
        (
            ["--demonstrations", "1025"],
            "1025 demonstrations of each task are too many; give at most",
        ),
        (["--tasks", "x"], "--tasks: invalid int value: 'x'"),
        (["--seeds", "3-1"], "the seeds 3-1 are empty; give 1-3."),
        (["--seeds", "0,0"], "given twice among the seeds: 0."),
        (["--seeds", "a"], "cannot read seeds from 'a'. Give numbers and ranges"),
        (["--seeds", "0-99999"], "has more than 4096 seeds"),
        (["--seeds", "0-3", "--seed", "0"], "both --seed and --seeds were given"),
        (["--seed", "-1"], "-1 is not a seed"),
        (["--device", "gpu", "--seeds", "0-1"], "no device is called 'gpu'"),
        (
            ["--precision", "bf16"],
            "tabular-smile chooses how it computes and takes only the device",
        ),
        (["--threads", "2", "--no-graph"], "not graph, threads. Leave out these options."),
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


@pytest.mark.parametrize(
    ("agent", "length"), [("meta-bc", "total_updates=50"), ("tabular-smile", "iterations=2")]
)
def test_contexts_larger_than_what_is_left_are_cut_and_said_so(
    agent: str, length: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "--agent", agent, "--family", GRID, "--seeds", "0-1", "--set", length]
    before = warnings.showwarning
    options = ["--demonstrations", "4", "--directory", str(tmp_path)]
    assert main([*command, *options]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note")]
    assert notes == [
        f"note: each meta-train task of {GRID} has 4 demonstrations, so that contexts in this "
        "training hold 1, 2 or 3 of them and leave 1 or more to imitate; the evaluation is "
        "unchanged (contexts of 1, 2, 4 or 8)."
    ]
    assert warnings.showwarning is before
    for seed in range(2):
        made = recipe(tmp_path / f"seed-{seed}" / f"{GRID}.safetensors")
        assert made["context_sizes"] == [1, 2, 3]


SEEDS = [*TRAIN, "--set", "iterations=2", "--tasks", "8"]


def test_many_seeds_are_trained_each_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*SEEDS, "--seeds", "0,2-3"]) == 0
    paths = [f"runs/tabular-smile-{GRID}/seed-{seed}/{GRID}.safetensors" for seed in (0, 2, 3)]
    assert capsys.readouterr().out.splitlines() == [f"wrote {path}" for path in paths]
    assert main([*SEEDS, "--seed", "2", "--directory", "alone"]) == 0
    alone, together = load_file(f"alone/{GRID}.safetensors"), load_file(paths[1])
    assert all((together[name] == values).all() for name, values in alone.items())
    made = recipe(Path(paths[1]))
    assert made["command"] == (
        f"smile-bench train --agent tabular-smile --family {GRID} --seeds 0,2,3 --tasks 8 "
        "--set iterations=2"
    )
    assert (made["seed"], made["trained_together"]) == (2, 3)
    # Its own command continues the run, which has ended; fewer seeds are another run.
    capsys.readouterr()
    assert main(made["command"].split()[1:]) == 0
    assert main([*SEEDS, "--seeds", "0,2"]) == 2
    error = capsys.readouterr().err
    assert "is of training 1 of 3, seeds 0,2,3, and this run has training 1 of 2" in error
    assert "Continue it with --seeds 0,2,3, or give another folder." in error


def test_a_seed_that_diverges_is_one_line_and_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from smile_bench.baselines.tabular_irl.smile_training import TabularSmileTraining

    step = TabularSmileTraining.step

    def diverging(self: TabularSmileTraining) -> dict[str, float]:
        log = step(self)
        return log if self.config.seed != 1 else {"losses/x": float("nan")}

    monkeypatch.setattr(TabularSmileTraining, "step", diverging)
    assert main([*SEEDS, "--seeds", "0-2", "--directory", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    written = [tmp_path / f"seed-{seed}" / f"{GRID}.safetensors" for seed in (0, 2)]
    assert captured.out.splitlines() == [f"wrote {path}" for path in written]
    lines = [line for line in captured.err.splitlines() if line.startswith("seed")]
    assert len(lines) == 1
    assert lines[0].startswith("seed 1 diverged: losses/x became non-finite at iteration 1.")
    assert "Traceback" not in captured.err
    # All of them: one error.
    assert main([*SEEDS, "--seeds", "1", "--directory", str(tmp_path / "one")]) == 2
    assert "losses/x became non-finite at iteration 1" in capsys.readouterr().err


@pytest.mark.slow
def test_meta_bc_trains_many_seeds_as_one_computation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train = ["train", "--agent", "meta-bc", "--family", GRID, "--set", "total_updates=100"]
    assert main([*train, "--seeds", "0-2", "--threads", "2"]) == 0
    written = capsys.readouterr().out.split()[1::2]
    assert written == [f"runs/meta-bc-{GRID}/seed-{n}/{GRID}.safetensors" for n in range(3)]
    assert main([*train, "--seed", "1"]) == 0
    together, alone = load_file(written[1]), load_file(f"runs/meta-bc-{GRID}-1/{GRID}.safetensors")
    # The streams of random numbers are equal, and only sums are rounded differently.
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, rtol=1e-3, atol=1e-3)
    other = load_file(written[0])
    assert any(np.abs(other[name] - values).max() > 0.01 for name, values in alone.items())
