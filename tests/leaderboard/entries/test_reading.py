from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from smile_bench.errors import SmileError
from smile_bench.leaderboard.entries.reading import entry_folders, read_entry
from tests.helpers.made_entries import (
    ANT,
    CHEETAH,
    FAMILIES,
    GRID,
    move_evidence,
    result,
    write_entry,
    write_result,
)

FIRST = f"{ANT}/seed-0/primary"


def test_an_entry_is_its_card_and_its_runs(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "mine", seeds=(10, 2))
    curve = "iteration,seconds,validation/velocity_error\n1,1,0.5\n"
    (folder / CHEETAH / "seed-2" / "progress.csv").write_text(curve)
    (folder / "README.md").write_text("hello")
    write_result(folder / CHEETAH / "seed-2" / "3-shots", result(CHEETAH, agent="mine", shots=3))
    entry = read_entry(folder)
    assert [(run.family, run.seed) for run in entry.runs] == [
        (family, seed) for family in FAMILIES for seed in (2, 10)
    ]
    cheetah = entry.runs[4]
    assert cheetah.curve is not None
    assert cheetah.curve.values == (0.5,)
    assert list(cheetah.shots) == [3]
    assert cheetah.primary.result.agent == "mine"


def break_name(folder: Path) -> None:
    folder.rename(folder.with_name("other"))


def break_missing_family(folder: Path) -> None:
    (folder / CHEETAH).rename(folder.parent / "away")


def break_extra_family(folder: Path) -> None:
    (folder / GRID).mkdir()


def break_unknown_family(folder: Path) -> None:
    (folder / "SmileAnt-v0").mkdir()


def break_seed(folder: Path) -> None:
    (folder / ANT / "seed-0").rename(folder / ANT / "seed-00")


def break_no_seed(folder: Path) -> None:
    (folder / ANT / "seed-0").rename(folder.parent / "away")


def break_no_primary(folder: Path) -> None:
    (folder / FIRST).rename(folder / ANT / "seed-0" / "1-shots")


def break_shots(folder: Path) -> None:
    (folder / ANT / "seed-0" / "9-shots").mkdir()


def break_extra_file(folder: Path) -> None:
    (folder / FIRST / "weights.pkl").write_bytes(b"")


def break_no_result(folder: Path) -> None:
    (folder / FIRST / "result.json").unlink()


def break_no_evidence(folder: Path) -> None:
    (folder / FIRST / "evidence.h5").unlink()


def break_evidence(folder: Path) -> None:
    (folder / FIRST / "evidence.h5").write_bytes(b"something else")


def break_huge_evidence(folder: Path) -> None:
    os.truncate(folder / FIRST / "evidence.h5", 2**40)


def break_huge_result(folder: Path) -> None:
    os.truncate(folder / FIRST / "result.json", 2**40)


def break_seal(folder: Path) -> None:
    path = folder / FIRST / "result.json"
    path.write_text(path.read_text().replace('"agent": "mine"', '"agent": "yours"'))


def break_not_finite(folder: Path) -> None:
    path = folder / FIRST / "result.json"
    document = json.loads(path.read_text())
    document["episodes"]["min_distance"][3] = float("nan")
    path.write_text(json.dumps(document))


def break_link(folder: Path) -> None:
    (folder / FIRST / "evidence.h5").unlink()
    (folder / FIRST / "evidence.h5").symlink_to("/etc/passwd")


def break_folder_link(folder: Path) -> None:
    (folder / ANT).rename(folder.parent / "away")
    (folder / ANT).symlink_to(folder.parent / "away")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_name, "give the folder the same name"),
        (break_missing_family, f"no results on {CHEETAH}"),
        (break_extra_family, f"results on {GRID}, which entry.json does not list"),
        (break_unknown_family, "Did you mean"),
        (break_seed, "is not named seed-N"),
        (break_no_seed, "has no folder seed-N"),
        (break_no_primary, "the folder primary, .* is missing"),
        (break_shots, "not an evaluation of SmileAntGoal-v0; those are primary, 1-shots"),
        (break_extra_file, "weights.pkl"),
        (break_no_result, "result.json is missing"),
        (break_no_evidence, "evidence.h5 is missing"),
        (break_evidence, "primary/evidence.h5 has the SHA-256 .* but result.json states"),
        (break_huge_evidence, "bytes; at most"),
        (break_huge_result, "bytes; at most"),
        (break_seal, "seal"),
        (break_not_finite, "NaN"),
        (break_link, "link or special file"),
        (break_folder_link, "link or special file"),
    ],
)
def test_a_wrong_entry_is_one_clear_error(tmp_path: Path, damage: object, message: str) -> None:
    folder = write_entry(tmp_path / "entries", "mine")
    damage(folder)  # type: ignore[operator]
    (found,) = (tmp_path / "entries").glob("[mo]*")
    with pytest.raises(SmileError, match=message) as caught:
        read_entry(found)
    assert "\n" not in str(caught.value)


def test_evidence_of_a_shot_curve_may_be_left_out_by_agents_that_ship(tmp_path: Path) -> None:
    cards: dict[str, dict[str, Any]] = {"ships": {"agent": "ships"}, "does-not": {}}
    for name, about in cards.items():
        folder = write_entry(tmp_path, name, **about)
        curve = folder / CHEETAH / "seed-0" / "1-shots"
        write_result(curve, result(CHEETAH, agent=name, shots=1))
        (curve / "evidence.h5").unlink()
    run = next(run for run in read_entry(tmp_path / "ships").runs if run.family == CHEETAH)
    assert run.primary.evidence == run.primary.folder / "evidence.h5"
    assert run.shots[1].evidence is None
    assert run.shots[1].reproducible
    with pytest.raises(SmileError, match=r"1-shots/evidence.h5 is missing"):
        read_entry(tmp_path / "does-not")


def test_only_the_first_seed_must_come_with_evidence(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "entries", tmp_path / "elsewhere"
    folder = write_entry(root, "mine", families=(ANT, CHEETAH), seeds=(0, 1, 2))
    for family in (ANT, CHEETAH):
        for seed in (1, 2):
            move_evidence(folder / family / f"seed-{seed}" / "primary", elsewhere)
    found = {(run.family, run.seed): run.primary for run in read_entry(folder).runs}
    for (_, seed), one in found.items():
        assert (one.evidence is None) == (seed > 0)
        assert not one.reproducible
    # What is not at hand is taken from elsewhere.
    given = read_entry(folder, evidence=elsewhere)
    assert {run.primary.place: run.primary.evidence for run in given.runs} == {
        f"{family}/seed-{seed}/primary": (elsewhere / "mine" if seed else folder)
        / f"{family}/seed-{seed}/primary/evidence.h5"
        for family in (ANT, CHEETAH)
        for seed in (0, 1, 2)
    }
    # The digest is that of the result, whether or not the evidence is there.
    assert [run.primary.sha256 for run in given.runs] == [one.sha256 for one in found.values()]


def test_evidence_of_the_first_seed_may_be_given_from_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    folder = write_entry(tmp_path / "entries", "mine", families=(ANT,), seeds=(3, 4))
    moved = move_evidence(folder / ANT / "seed-3" / "primary", elsewhere)
    with pytest.raises(SmileError, match=r"seed-3: primary/evidence.h5 is missing. .*--evidence"):
        read_entry(folder)
    assert read_entry(folder, evidence=elsewhere).runs[0].primary.evidence == moved
    moved.unlink()
    with pytest.raises(SmileError, match=f"is missing here and in {elsewhere}"):
        read_entry(folder, evidence=elsewhere)


def test_a_shot_curve_of_a_further_seed_is_not_reproducible(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "ships", families=(CHEETAH,), seeds=(0, 1), agent="ships")
    curve = folder / CHEETAH / "seed-1" / "1-shots"
    write_result(curve, result(CHEETAH, agent="ships", shots=1, seed=1))
    (curve / "evidence.h5").unlink()
    shots = read_entry(folder).runs[1].shots[1]
    assert shots.evidence is None
    assert not shots.reproducible


def test_folders_of_entries_have_safe_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_entry(tmp_path, name)
    (tmp_path / "README.md").write_text("")
    assert [path.name for path in entry_folders(tmp_path)] == ["a", "b"]
    (tmp_path / "a b").mkdir()
    with pytest.raises(SmileError, match="'a b' cannot name an entry"):
        entry_folders(tmp_path)


def test_other_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SmileError, match="is not a folder"):
        entry_folders(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(SmileError, match="is not a folder; each entry is one"):
        entry_folders(tmp_path)


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_gitkeep_is_skipped_only_if_it_is_a_plain_file(tmp_path: Path, kind: str) -> None:
    folder = write_entry(tmp_path, "mine", families=(ANT,))
    (folder / ".gitkeep").write_text("")
    read_entry(folder)
    (folder / ".gitkeep").unlink()
    if kind == "link":
        (folder / ".gitkeep").symlink_to("/etc/passwd")
    else:
        os.mkfifo(folder / ".gitkeep")
    with pytest.raises(SmileError, match=r"'.gitkeep' in mine is a link or special file"):
        read_entry(folder)
