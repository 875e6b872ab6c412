"""Entries from results: what they state, and what has to be given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smile_bench.cli import main
from smile_bench.errors import SmileError
from smile_bench.leaderboard.build import check_folder
from smile_bench.leaderboard.checks.verification import Verifier
from smile_bench.leaderboard.entries.card import read_card
from smile_bench.leaderboard.entries.drafting import Statements, draft_entry, found_results
from tests.helpers.made_entries import ANT, CHEETAH, GRID, result, training, write_result

STATEMENTS = Statements(title="Mine", authors=["A. Author"])


def saved(folder: Path, family: str = ANT, seed: int = 0, **facts: Any) -> Path:
    write_result(folder, result(family, agent="mine", seed=seed, spread=0.1, **facts))
    return folder


def test_a_card_from_what_results_state(tmp_path: Path) -> None:
    trained = training(1, track="interactive", access={"demonstrations": 32 * 4, "env_steps": 9})
    saved(tmp_path / "results" / "a")
    saved(tmp_path / "results" / "b", shots=1)
    saved(tmp_path / "results" / "c", CHEETAH, seed=1, training=trained | {"track": "offline"})
    entry = tmp_path / "entries" / "my-method"
    path = draft_entry(entry, found_results([tmp_path / "results"]), STATEMENTS)
    card = read_card(path)
    assert (card.name, card.title, card.authors) == ("my-method", "Mine", ("A. Author",))
    assert (card.track, card.state_only, card.reference) == ("offline", False, False)
    assert card.demonstrations == {ANT: 2, CHEETAH: 5}
    assert (entry / ANT / "seed-0" / "1-shots" / "evidence.h5").exists()
    assert (entry / CHEETAH / "seed-1" / "primary" / "result.json").exists()
    assert "$schema" not in json.loads(path.read_text())


def test_an_entry_from_the_command_line_passes_its_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["evaluate", "--family", GRID, "--agent", "retrieve-and-play", "--save", str(tmp_path)])
    shutil.copy(
        Path(__file__).parents[3] / "leaderboard" / "entry.schema.json",
        tmp_path / "entry.schema.json",
    )
    entry = tmp_path / "entries" / "replay"
    command = ["leaderboard", "init", str(entry), "--results", str(tmp_path / GRID)]
    stated = ["--title", "Replay", "--author", "A", "--track", "offline", "--demonstrations", "0"]
    assert main([*command, *stated]) == 0
    assert "wrote" in capsys.readouterr().out
    assert json.loads((entry / "entry.json").read_text())["$schema"] == "../../entry.schema.json"
    checked = check_folder(entry, Verifier())
    assert [run.family for run in checked.entry.runs] == [GRID]
    assert main([*command, *stated]) == 2
    assert "is there already. Add what is new" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([{"training": None}], "do not name one track \\(they state none\\); give the track"),
        (
            [{}, {"seed": 1, "training": training(1, track="interactive")}],
            "they state 'interactive', 'offline'",
        ),
        ([{}, {}], "are both SmileAntGoal-v0/seed-0/primary"),
        ([{}, {"seed": 1, "state_only": True}], "of several agents or forms"),
        (
            [{}, {"seed": 1, "training": training(1, access={"demonstrations": 32})}],
            "different numbers of demonstrations: 2 and 1",
        ),
        ([{"training": training(0, access={})}], "give the number for each meta-train task"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, facts: list[dict[str, Any]], message: str
) -> None:
    for number, each in enumerate(facts):
        saved(tmp_path / "results" / str(number), **each)
    entry = tmp_path / "mine"
    with pytest.raises(SmileError, match=message):
        draft_entry(entry, found_results([tmp_path / "results"]), STATEMENTS)
    assert not entry.exists()


def test_no_results_and_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "init", str(tmp_path / "mine")]) == 2
    assert "no result.json lies in" in capsys.readouterr().err
    saved(tmp_path / "mine" / ANT / "seed-0" / "primary")
    assert main(["leaderboard", "init", str(tmp_path / "mine")]) == 2
    assert "--author is missing" in capsys.readouterr().err


def test_a_card_that_cannot_be_read_is_not_left_behind(tmp_path: Path) -> None:
    saved(tmp_path / "results")
    with pytest.raises(SmileError, match="1 to 80 characters"):
        draft_entry(
            tmp_path / "mine",
            found_results([tmp_path / "results"]),
            Statements(title="x" * 81, authors=["A"]),
        )
    assert not list((tmp_path / "mine").iterdir())
