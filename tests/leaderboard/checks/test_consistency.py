from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.errors import SmileError
from smile_bench.leaderboard.checks.consistency import check_between, check_entry
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.tracks import TRACKS
from tests.helpers.made_entries import (
    ANT,
    CHEETAH,
    WALKER,
    result,
    training,
    without_demonstrations,
    write_entry,
    write_result,
)

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


ALL_TRACKS = ("offline", "interactive", "expert-queries", "rewards", "unsupervised")


def unsupervised(**facts: Any) -> dict[str, Any]:
    """A training without demonstrations, which reached half of ant goal's cells."""
    return {**without_demonstrations(ANT), **facts}


@pytest.mark.parametrize(("claimed", "trained"), list(product(ALL_TRACKS, ALL_TRACKS)))
def test_a_card_may_claim_a_track_that_allows_the_training_s(
    tmp_path: Path, claimed: str, trained: str
) -> None:
    stated = training(0, track=trained, access={})
    folder = write_entry(
        tmp_path,
        "mine",
        families=(ANT,),
        track=claimed,
        demonstrations={ANT: 0},
        facts={"training": stated},
    )
    if TRACKS[claimed].allows(TRACKS[trained]):
        check_entry(read_entry(folder))
        return
    with pytest.raises(SmileError, match=f"needs the track '{trained}', but .* says '{claimed}'"):
        check_entry(read_entry(folder))


def test_an_entry_without_demonstrations_passes(tmp_path: Path) -> None:
    folder = write_entry(
        tmp_path,
        "mine",
        families=(ANT,),
        track="unsupervised",
        demonstrations={ANT: 0},
        facts={"training": unsupervised()},
    )
    check_entry(read_entry(folder))


@pytest.mark.parametrize(
    ("about", "stated", "message"),
    [
        (
            {"demonstrations": {ANT: 16}},
            unsupervised(),
            "is 'unsupervised', which has no demonstrations, and claims 16 .* to 0",
        ),
        (
            {},
            unsupervised(access={"demonstrations": 512, "env_steps": 9}),
            "trained on the track 'unsupervised', which has no demonstrations, and counts 512",
        ),
        (
            {"track": "interactive", "demonstrations": {ANT: 16}},
            unsupervised(access={"demonstrations": 512, "env_steps": 9}),
            "trained on the track 'unsupervised', which has no demonstrations, and counts 512",
        ),
        (
            {},
            unsupervised(condition={"demonstrations": 4, "tasks": 8}),
            "which has no demonstrations, and states a condition",
        ),
        (
            {},
            training(0, track="interactive", access={"env_steps": 9}),
            "needs the track 'interactive', but entry.json says 'unsupervised'. It used or could "
            "use demonstrations, environments",
        ),
        (
            {},
            unsupervised(coverage={"partition": "x", "cells": 4, "reached": 1, "share": 0.25}),
            "coverage is of 4 cells, 'x'; the family has 448 cells, 'squares of 0.25 m",
        ),
        (
            {},
            unsupervised(
                coverage={**unsupervised()["coverage"], "share": 0.9},
            ),
            "says 224 of 448 cells and a share of 0.9, which do not fit",
        ),
        (
            {},
            unsupervised(
                coverage={**unsupervised()["coverage"], "reached": 449, "share": 449 / 448}
            ),
            "says 449 of 448 cells",
        ),
    ],
)
def test_contradictions_about_demonstrations_and_coverage_are_refused(
    tmp_path: Path, about: dict[str, Any], stated: dict[str, Any], message: str
) -> None:
    card = {"track": "unsupervised", "demonstrations": {ANT: 0}, **about}
    folder = write_entry(tmp_path, "mine", families=(ANT,), facts={"training": stated}, **card)
    with pytest.raises(SmileError, match=message):
        check_entry(read_entry(folder))


def test_coverage_of_a_family_without_a_partition_is_refused(tmp_path: Path) -> None:
    stated = training(0, coverage={"partition": "gaits", "cells": 4, "reached": 1, "share": 0.25})
    folder = write_entry(tmp_path, "mine", families=(WALKER,), facts={"training": stated})
    with pytest.raises(SmileError, match="coverage is of 4 cells, 'gaits'; the family has no part"):
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
