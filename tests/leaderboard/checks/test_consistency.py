from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.errors import SmileError
from smile_bench.leaderboard.checks.consistency import check_between, check_entry
from smile_bench.leaderboard.entries.reading import read_entry
from tests.helpers.made_entries import ANT, CHEETAH, result, training, write_entry, write_result

OTHER_VERSION = "v0-" + "0" * 16


def test_an_entry_that_agrees_with_itself_passes(tmp_path: Path) -> None:
    asked = training(4, track="interactive", access={"env_steps": 10, "expert_queries": 0})
    folder = write_entry(
        tmp_path, "mine", seeds=(4,), track="interactive", facts={"training": asked}
    )
    write_result(
        folder / CHEETAH / "seed-4" / "2-shots", result(CHEETAH, agent="mine", shots=2, seed=4)
    )
    check_entry(read_entry(folder))


@pytest.mark.parametrize(
    ("about", "facts", "message"),
    [
        (
            {},
            {"protocol_version": OTHER_VERSION},
            f"version is {OTHER_VERSION}; this leaderboard has",
        ),
        ({}, {"privileged": True}, "privileged: it sees the task"),
        ({}, {"state_only": True}, 'shown no actions; entry.json must say "state_only": true'),
        ({"state_only": True}, {}, "shown the expert's actions"),
        (
            {},
            {"training": training(7)},
            "trained with seed 7; move the result to the folder seed-7",
        ),
        ({}, {"training": training(0, track="interactive")}, "needs the track 'interactive'"),
        (
            {},
            {"training": training(0, access={"env_steps": 1})},
            "needs the track 'interactive', but",
        ),
        (
            {"track": "interactive"},
            {"training": training(0, access={"expert_queries": 1})},
            "needs the track 'expert-queries', but entry.json says 'interactive'",
        ),
        (
            {"track": "expert-queries"},
            {"training": training(0, track="rewards", access={"env_steps": 1})},
            "needs the track 'rewards', but entry.json says 'expert-queries'",
        ),
        (
            {"demonstrations": {ANT: 4}},
            {"training": training(0, access={"demonstrations": 512})},
            "given 512 demonstrations, but entry.json claims 4 for each meta-train task, which "
            "makes 128",
        ),
        ({}, {"scores": np.full(16, 0.9)}, "its score is 0.9, but its episodes give 0.5"),
        ({"agent": "meta-bc"}, {}, "says the agent is 'meta-bc', but its results say 'mine'"),
        ({}, {"evaluation": "1 shots"}, "of the evaluation '1 shots'"),
        ({}, {"tasks": np.arange(256) % 16}, "not those of the protocol"),
    ],
)
def test_contradictions_are_one_clear_error(
    tmp_path: Path, about: dict[str, Any], facts: dict[str, Any], message: str
) -> None:
    folder = write_entry(tmp_path, "mine", families=(ANT,), facts=facts, **about)
    with pytest.raises(SmileError, match=message):
        check_entry(read_entry(folder))


def test_a_result_in_the_wrong_folder_is_found(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "mine", families=(ANT, CHEETAH))
    ant = folder / ANT / "seed-0"
    ant.rename(tmp_path / "away")
    (folder / CHEETAH / "seed-0").rename(ant)
    (tmp_path / "away").rename(folder / CHEETAH / "seed-0")
    with pytest.raises(SmileError, match=f"{ANT}/seed-0/primary: the result is of {CHEETAH}"):
        check_entry(read_entry(folder))


FEW = {"demonstrations": 4, "tasks": 8}


def test_a_conditioned_entry_passes_with_the_card_that_fits(tmp_path: Path) -> None:
    access = {"demonstrations": 32}
    facts = {"training": training(0, condition=FEW, access=access)}
    about: dict[str, Any] = {"families": (ANT,), "facts": facts}
    check_entry(read_entry(write_entry(tmp_path, "mine", demonstrations={ANT: 4}, **about)))
    with pytest.raises(SmileError, match=r"trained with 4 demonstrations, 8 tasks, but entry"):
        check_entry(read_entry(write_entry(tmp_path, "more", demonstrations={ANT: 16}, **about)))
    facts = {"training": training(0, condition=FEW, access={"demonstrations": 33})}
    about["facts"] = facts
    with pytest.raises(SmileError, match=r"given 33 demonstrations, but its condition, .* has 32"):
        check_entry(read_entry(write_entry(tmp_path, "beyond", demonstrations={ANT: 4}, **about)))


def test_the_trainings_of_a_family_have_one_condition(tmp_path: Path) -> None:
    folder = write_entry(
        tmp_path,
        "mine",
        families=(ANT,),
        demonstrations={ANT: 4},
        facts={"training": training(0, condition=FEW, access={"demonstrations": 32})},
    )
    other = training(1, access={"demonstrations": 64})
    write_result(
        folder / ANT / "seed-1" / "primary", result(ANT, agent="mine", seed=1, training=other)
    )
    with pytest.raises(SmileError) as caught:
        check_entry(read_entry(folder))
    assert str(caught.value) == (
        f"{ANT}/seed-1/primary: trained with 16 demonstrations, all tasks, but "
        f"{ANT}/seed-0/primary with 4 demonstrations, 8 tasks. An entry has one condition on each "
        "family; make an entry for each."
    )


def test_an_entry_is_one_agent(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "mine", families=(ANT,))
    write_result(folder / ANT / "seed-1" / "primary", result(ANT, agent="yours", seed=1))
    with pytest.raises(SmileError, match="different agents: 'mine', 'yours'"):
        check_entry(read_entry(folder))


def test_shot_curves_are_of_the_size_that_their_folder_says(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "mine", families=(CHEETAH,))
    write_result(folder / CHEETAH / "seed-0" / "2-shots", result(CHEETAH, agent="mine", shots=3))
    with pytest.raises(SmileError, match=r"seed-0/2-shots: the result is of .* '3 shots'"):
        check_entry(read_entry(folder))


def test_the_same_title_in_a_track_form_and_condition_is_found(tmp_path: Path) -> None:
    cards: dict[str, dict[str, Any]] = {
        "a": {"title": "One"},
        "b": {"title": "One", "track": "interactive"},
        "c": {"title": "one"},
        "d": {"title": "One", "facts": {"training": training(0, condition=FEW)}},
    }
    entries = [
        read_entry(write_entry(tmp_path, name, families=(ANT,), **about))
        for name, about in cards.items()
    ]
    (finding,) = check_between(entries)
    assert finding.startswith("c: a has the same title, track, form and condition")
