"""A condition from the command to the recipe, the result, and a training from that recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from smile_bench import load_agent
from smile_bench.baselines import get_agent
from smile_bench.cli import main
from smile_bench.datasets import Condition
from smile_bench.protocol import evaluate
from tests.helpers.made_entries import GRID, card, result, training, write_card, write_result

pytest.importorskip("torch")

AGENT = "tabular-smile"
TRAIN = ["train", "--agent", AGENT, "--family", GRID, "--set", "iterations=2"]


def recipe(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="numpy") as file:
        found: dict[str, Any] = json.loads(file.metadata()["recipe"])
    return found


def trained(directory: Path, *options: str) -> Path:
    assert main([*TRAIN, *options, "--directory", str(directory)]) == 0
    return directory / f"{GRID}.safetensors"


@pytest.mark.parametrize(
    ("options", "words", "used"),
    [
        ([], "canonical", 64 * 16),
        (["--demonstrations", "17", "--tasks", "5"], "17 demonstrations, 5 tasks", 5 * 17),
        (["--subsample", "1", "--variant", "noisy"], "subsample 1, noisy", 64 * 16),
    ],
)
def test_a_condition_stands_in_recipe_and_result(
    options: list[str], words: str, used: int, tmp_path: Path
) -> None:
    path = trained(tmp_path, *options)
    condition = Condition.parse(words).on(GRID)
    stated = recipe(path)["condition"]
    assert {**condition.to_dict(), "sha256": condition.digest} == {
        name: value for name, value in stated.items() if name != "data_sha256"
    }
    assert recipe(path)["access"]["demonstrations"] == used
    evaluated = evaluate(get_agent(AGENT).read_weights(path, GRID), GRID)
    evaluated.save(tmp_path / "result")
    evaluate(load_agent("retrieve-and-play", GRID), GRID).save(tmp_path / "usual")
    read, usual = (
        json.loads((tmp_path / name / "result.json").read_text()) for name in ("result", "usual")
    )
    assert read["training"]["condition"] == stated
    # What is faced does not depend on it.
    for fact in ("protocol_version", "meta_test_sha256", "dataset_sha256"):
        assert read[fact] == usual[fact]
    for column in ("task", "shots"):
        assert read["episodes"][column] == usual["episodes"][column]
    assert main(["verify", str(tmp_path / "result")]) == 0


def test_the_command_in_the_recipe_states_the_condition(tmp_path: Path) -> None:
    path = trained(tmp_path / "a", "--demonstrations", "3", "--tasks", "4", "--variant", "noisy")
    command = recipe(path)["command"].split()[1:]
    assert command[-8:-2] == ["--demonstrations", "3", "--tasks", "4", "--variant", "noisy"]
    assert main([*command, "--directory", str(tmp_path / "b")]) == 0
    assert (tmp_path / "b" / path.name).stat().st_size > 0
    again = recipe(tmp_path / "b" / path.name)
    assert again["condition"] == recipe(path)["condition"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--subsample", "3"], "subsample is 3, but an episode of SmileGridGoal-v0 has 20 steps"),
        (["--variant", "noise"], "unknown variant 'noise'. Did you mean 'noisy'?"),
        (["--demonstrations", "0"], "demonstrations is 0; give a whole number, 1 or more"),
    ],
)
def test_a_wrong_condition_is_one_line_and_trains_nothing(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, *options, "--directory", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_cache_in_the_way_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("in the way")
    monkeypatch.setenv("SMILE_BENCH_CACHE", str(blocked))
    options = ["--demonstrations", "17", "--directory", str(tmp_path / "run")]
    assert main([*TRAIN, *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("smile-bench: the cache of demonstrations")
    assert error.count("\n") == 1


def entry(root: Path, **stated: Any) -> Path:
    """An entry of a training whose recipe states something."""
    folder = root / "leaderboard" / "entries" / AGENT
    write_card(folder, card(AGENT, (GRID,), agent=AGENT))
    told = training(0, settings={"iterations": 2}, **stated)
    made = result(GRID, agent=AGENT, training=told)
    write_result(folder / GRID / "seed-0" / "primary", made)
    return folder


CONDITION = Condition.parse("3 demonstrations, 4 tasks, noisy").on(GRID)
STATED = {**CONDITION.to_dict(), "sha256": CONDITION.digest, "data_sha256": "0" * 64}


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"condition": STATED}, "3 demonstrations, 4 tasks, noisy"),
        ({"subset": {"demonstrations": 9, "tasks": 4}}, "9 demonstrations, 4 tasks"),
        ({}, "canonical"),
    ],
)
def test_a_recipe_is_trained_again_under_its_condition(
    stated: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the former version state a subset, or nothing."""
    folder = entry(tmp_path, **stated)
    monkeypatch.chdir(tmp_path)
    assert main(["leaderboard", "retrain", str(folder), "--seeds", "2"]) in (0, 1)
    for seed in (1, 2):
        path = tmp_path / "runs" / "retrained" / f"{AGENT}-{GRID}-{seed}" / f"{GRID}.safetensors"
        condition = Condition.parse(words).on(GRID)
        assert recipe(path)["condition"]["sha256"] == condition.digest


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({**STATED, "sha256": "0" * 64}, "does not have the digest of these demonstrations"),
        (CONDITION.to_dict(), "A training on a dataset of its own cannot be trained again here"),
        ("4 tasks", "the recipe states the condition '4 tasks'; it should be an object"),
        ({**STATED, "tasks": 65}, "has 64 meta-train tasks, not 65"),
        ({**STATED, "variant": "noise"}, "Did you mean 'noisy'?"),
    ],
)
def test_a_recipe_of_other_demonstrations_is_not_trained_again(
    condition: object,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = entry(tmp_path, condition=condition)
    monkeypatch.chdir(tmp_path)
    assert main(["leaderboard", "retrain", str(folder), "--seeds", "2"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()
