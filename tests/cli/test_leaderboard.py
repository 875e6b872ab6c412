"""``smile-bench leaderboard``, with the real protocol on the grid."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from smile_bench.cli.main import main
from smile_bench.protocol.verification import isolated
from tests.helpers.made_entries import (
    GRID,
    card,
    move_evidence,
    result,
    write_card,
    write_result,
)
from tests.helpers.outside_agent import NAME, wanderer

AGENT = "retrieve-and-play"


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "leaderboard" / "entries" / AGENT
    write_card(
        folder,
        {
            "format": "smile-bench-entry-1",
            "name": AGENT,
            "title": "Retrieve",
            "authors": ["A. Author"],
            "track": "offline",
            "state_only": False,
            "demonstrations": {GRID: 16},
            "agent": AGENT,
        },
    )
    return folder


@pytest.mark.slow
def test_an_entry_is_evaluated_checked_and_shown(
    entry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "evaluate", str(entry), "--shot-curve"]) == 0
    seed = entry / GRID / "seed-0"
    assert sorted(path.name for path in seed.iterdir()) == [
        "1-shots", "2-shots", "4-shots", "8-shots", "primary",
    ]  # fmt: skip
    assert (seed / "primary" / "evidence.h5").exists()
    # The agent ships: its shot curve can be made again.
    assert not (seed / "1-shots" / "evidence.h5").exists()
    capsys.readouterr()

    assert main(["leaderboard", "check", str(entry)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].endswith("evidence at hand; replayed, exact")
    assert all(line.endswith("evidence missing; rerun to verify") for line in lines[1:])

    assert main(["leaderboard", "build"]) == 0
    assert "incomplete" in capsys.readouterr().out
    document = json.loads((tmp_path / "site" / "leaderboard.json").read_text())
    (row,) = document["rows"]
    part = row["families"][GRID]
    assert part["status"]["id"] == "exact"
    assert part["shots_status"]["id"] == "rerun"
    assert [point["shots"] for point in part["shots"]] == [1, 2, 4, 8]


def test_the_table_is_printed_as_markdown(
    entry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "evaluate", str(entry)]) == 0
    assert main(["leaderboard", "build", "--no-replay"]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "table", "--no-replay"]) == 0
    assert capsys.readouterr().out == (tmp_path / "site" / "leaderboard.md").read_text("utf-8")


@pytest.mark.slow
def test_evidence_of_further_seeds_is_kept_elsewhere(
    entry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, outside = tmp_path / "kept", entry.with_name(NAME)
    write_card(outside, card(NAME, (GRID,), agent=NAME))
    entry.joinpath("entry.json").unlink()
    entry.rmdir()
    with wanderer(seed=0):
        assert main(["leaderboard", "evaluate", str(outside)]) == 0
    command = ["leaderboard", "evaluate", str(outside), "--seed", "1", "--evidence", str(kept)]
    with wanderer(seed=1):
        assert main(command) == 0
    first, second = (outside / GRID / f"seed-{seed}" / "primary" for seed in (0, 1))
    moved = kept / NAME / GRID / "seed-1" / "primary" / "evidence.h5"
    assert [path.name for path in second.iterdir()] == ["result.json"]
    assert moved.is_file()
    capsys.readouterr()

    def checked(*arguments: str) -> list[str]:
        assert main(["leaderboard", "check", str(outside), *arguments]) == 0
        return [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()]

    def refused(*arguments: str) -> str:
        assert main(["leaderboard", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    with wanderer(seed=0):
        at_hand = "evidence at hand; replayed, exact"
        assert checked() == [at_hand, "evidence missing; no evidence at hand"]
        assert checked("--evidence", str(kept)) == [
            at_hand,
            f"evidence from {kept}; replayed, exact",
        ]
        # The first seed's may be kept elsewhere, too, but then it must be given.
        content = move_evidence(first, kept).read_bytes()
        error = refused("check", str(outside))
        assert f"{NAME}: {GRID}/seed-0: primary/evidence.h5 is missing" in error
        assert main(["leaderboard", "build", "--evidence", str(kept)]) == 0
        document = json.loads((tmp_path / "site" / "leaderboard.json").read_text())
        (row,) = document["rows"]
        assert row["status"] == {"id": "exact", "label": "replayed, exact"}
        # Another result's evidence is refused, whether or not it is replayed.
        moved.write_bytes(content)
        for arguments in (["check", str(outside)], ["build", "--no-replay"]):
            assert f"{moved} has the SHA-256" in refused(*arguments, "--evidence", str(kept))
        assert "nowhere is not a folder" in refused("build", "--evidence", "nowhere")


@pytest.mark.slow
def test_evidence_that_was_altered_is_found(
    entry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "evaluate", str(entry)]) == 0
    assert main(["leaderboard", "build"]) == 0
    page = tmp_path / "site" / "index.html"
    before = page.read_bytes()
    evidence = entry / GRID / "seed-0" / "primary" / "evidence.h5"
    content = bytearray(evidence.read_bytes())
    content[len(content) // 2] ^= 1
    evidence.write_bytes(content)
    capsys.readouterr()
    for command in (["check", str(entry)], ["build"]):
        assert main(["leaderboard", *command]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"smile-bench: {AGENT}: {GRID}/seed-0: primary/evidence.h5 has")
        assert error.count("\n") == 1
    assert page.read_bytes() == before


def test_weights_trained_locally_are_evaluated_with_their_seed(entry: Path) -> None:
    pytest.importorskip("torch")
    from smile_bench.baselines.registry import weights_path

    pattern = str(weights_path("meta-bc", "{family}"))
    command = ["leaderboard", "evaluate", str(entry), "--agent", "meta-bc", "--weights", pattern]
    assert main([*command, "--seed", "0"]) == 0
    path = entry / GRID / "seed-0" / "primary" / "result.json"
    document = json.loads(path.read_text())
    assert document["agent"] == "meta-bc"
    digest = hashlib.sha256(weights_path("meta-bc", GRID).read_bytes()).hexdigest()
    assert document["weights_sha256"] == digest
    assert document["score"] > 0.9


def test_a_seed_that_is_not_the_recipe_s_is_refused(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["leaderboard", "evaluate", str(entry), "--agent", "meta-bc", "--seed", "7"]
    assert main(command) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "trained with seed 0, but --seed is 7. Give --seed 0" in captured.err
    assert not (entry / GRID).exists()


FACTORY = """
import numpy as np

class Mine:
    name = "mine"

    def __init__(self, seed):
        self.recipe = {"seed": seed}
        self.rng = np.random.default_rng(seed)

    def adapt(self, contexts):
        return self

    def act(self, observations):
        return self.rng.integers(5, size=len(observations))

def with_keyword(family, *, seed=0):
    return Mine(seed)

def with_two(family, number):
    return Mine(number)

def without(family):
    return Mine(1)
"""


@pytest.mark.slow
def test_a_function_gets_the_seed_and_its_agent_keeps_its_name(
    entry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "factory_of_seeds.py").write_text(FACTORY)
    mine = entry.with_name("mine")
    write_card(mine, card("mine", (GRID,)))
    command = ["leaderboard", "evaluate", str(mine), "--agent"]
    for seed, function in ((0, "with_keyword"), (1, "without"), (2, "with_two")):
        agent = f"factory_of_seeds:{function}"
        assert main([*command, agent, "--seed", str(seed)]) == 0
        path = mine / GRID / f"seed-{seed}" / "primary" / "result.json"
        document = json.loads(path.read_text())
        assert (document["agent"], document["training"]["seed"]) == ("mine", seed)
    capsys.readouterr()
    assert main(["leaderboard", "check", str(mine)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main([*command, "factory_of_seeds:without", "--seed", "5"]) == 2
    assert "trained with seed 1, but --seed is 5" in capsys.readouterr().err


def test_errors_are_one_line(entry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["check", str(entry)], ["build", "--no-replay"]):
        assert main(["leaderboard", *command]) == 2
        error = capsys.readouterr().err
        assert error.startswith("smile-bench: ")
        assert f"no results on {GRID}" in error
        assert error.count("\n") == 1


def test_weights_for_an_agent_without_weights_are_refused(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "evaluate", str(entry), "--weights", "mine.safetensors"]) == 2
    assert f"{AGENT} has no weights files; use it without one" in capsys.readouterr().err


def meta_bc_entry(entry: Path) -> Path:
    folder = entry.with_name("meta-bc")
    write_card(folder, card("meta-bc", (GRID,), agent="meta-bc"))
    assert main(["leaderboard", "evaluate", str(folder)]) == 0
    return folder


@pytest.mark.slow
def test_an_entry_is_trained_again_from_its_recipe(
    entry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    folder = meta_bc_entry(entry)
    entry.joinpath("entry.json").unlink()
    entry.rmdir()
    capsys.readouterr()
    command = ["leaderboard", "retrain", str(folder), "--seeds", "2", "--output", "again.json"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"ok   {GRID}: the entry scores 0.9")
    written = json.loads((tmp_path / "again.json").read_text())
    assert written["families"][GRID]["seeds"] == [1, 2]
    assert written["families"][GRID]["agrees"]
    # The recipe's settings have their names of today: the sealed ones say "updates".
    stored = tmp_path / "runs" / "retrained" / f"meta-bc-{GRID}-1"
    assert (stored / f"{GRID}.safetensors").is_file()

    assert main(["leaderboard", "build", "--rerun", "--retrained", "again.json"]) == 0
    (row,) = json.loads((tmp_path / "site" / "leaderboard.json").read_text())["rows"]
    assert row["checks"] == {"replayed": True, "rerun": True, "retrained": True, "fresh": False}
    assert row["source"].endswith("smile_bench/baselines/meta_bc")
    assert (tmp_path / "site" / row["source"]).is_dir()

    # A score that no training reaches: the same trainings are found again, not run again.
    better = tmp_path / "better" / "meta-bc"
    write_card(better, card("meta-bc", (GRID,), agent="meta-bc"))
    recipe = json.loads((folder / GRID / "seed-0" / "primary" / "result.json").read_text())
    made = result(GRID, agent="meta-bc", level=9.0, training=recipe["training"])
    write_result(better / GRID / "seed-0" / "primary", made)
    assert main(["leaderboard", "retrain", str(better), "--seeds", "2"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_what_cannot_be_trained_again_is_one_line(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "evaluate", str(entry)]) == 0
    capsys.readouterr()
    for arguments, message in (
        ([], "not an entry of an agent that smile-bench trains"),
        (["--family", "Nothing-v0"], "Nothing-v0"),
    ):
        assert main(["leaderboard", "retrain", str(entry), *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_evidence_that_crashes_its_reader_is_a_line_with_the_entry_s_name(
    entry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "evaluate", str(entry)]) == 0
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(isolated, "CHILD", crash)
    capsys.readouterr()
    for command in (["check", str(entry)], ["build"]):
        assert main(["leaderboard", *command]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"smile-bench: {AGENT}: {GRID}/seed-0/primary: it cannot be verif")
        assert "SIGSEGV" in error
        assert error.count("\n") == 1


def test_the_weights_of_another_training_do_not_ship(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = entry.with_name("meta-bc")
    write_card(mine, card("meta-bc", (GRID,), agent="meta-bc"))
    made = result(GRID, agent="meta-bc", weights="a" * 64)
    write_result(mine / GRID / "seed-0" / "primary", made)
    assert main(["leaderboard", "check", "--no-replay", str(mine)]) == 2
    assert "the weights aaaaaaaaaaaaaaaa…, but meta-bc ships with the weights" in (
        capsys.readouterr().err
    )


def test_every_fault_is_a_line(entry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        write_card(entry.with_name(name), {"format": "smile-bench-entry-1"})
    assert main(["leaderboard", "build", "--no-replay"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["smile-bench", "first"],
        ["smile-bench", AGENT],
        ["smile-bench", "second"],
    ]


def test_rerun_and_no_replay_exclude_each_other(
    entry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "build", "--rerun", "--no-replay"]) == 2
    assert "--rerun needs replays" in capsys.readouterr().err
