from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smile_bench.errors import LeaderboardError
from smile_bench.io.files import replacing
from smile_bench.leaderboard import site as site_module
from smile_bench.leaderboard.build import (
    FILES,
    build_leaderboard,
    check_entries,
    check_folder,
    summary_lines,
)
from smile_bench.leaderboard.checks.verification import Verifier
from tests.helpers.made_entries import ANT, write_entry

TRUST = Verifier(replay=False)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_a_build_writes_three_files_that_agree(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "deep" / "site"
    write_entry(root, "first", level=0.9)
    write_entry(root, "second", level=0.4)
    rows = build_leaderboard(root, site, TRUST)
    assert [(row.card.name, row.rank) for row in rows] == [("first", 1), ("second", 2)]
    found = contents(site)
    assert set(found) == set(FILES)
    document = json.loads(found["leaderboard.json"])
    assert [row["name"] for row in document["rows"]] == ["first", "second"]
    assert document["evidence"] == "../../entries/"
    evidence = document["rows"][0]["families"][ANT]["evidence"][0]["path"]
    assert (site / document["evidence"] / evidence / "result.json").is_file()
    assert "| 1 | First | **0.900**" in found["leaderboard.md"]
    embedded = found["index.html"].split('id="data">')[1].split("</script>")[0]
    assert json.loads(embedded) == document
    # Nothing is left beside it.
    assert [path.name for path in site.parent.iterdir()] == ["site"]


def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "only", spread=0.1)
    build_leaderboard(root, site, TRUST)
    before = contents(site)
    build_leaderboard(root, site, TRUST)
    assert contents(site) == before


def test_links_to_evidence_go_where_asked(tmp_path: Path) -> None:
    write_entry(tmp_path / "entries", "only", families=(ANT,))
    site = tmp_path / "site"
    build_leaderboard(tmp_path / "entries", site, TRUST, evidence_base="https://example.org/e")
    assert json.loads(contents(site)["leaderboard.json"])["evidence"] == "https://example.org/e/"


def test_every_bad_entry_is_one_line_and_the_page_stays_as_it_was(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "good", families=(ANT,))
    build_leaderboard(root, site, TRUST)
    before = contents(site)
    old = write_entry(root, "old", families=(ANT,), facts={"protocol_version": "v0-" + "a" * 16})
    cut = write_entry(root, "cut", families=(ANT,))
    (cut / "entry.json").write_text("{")
    with pytest.raises(LeaderboardError) as caught:
        build_leaderboard(root, site, TRUST)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["cut", "old"]
    assert "Evaluate the agent again" in lines[1]
    assert contents(site) == before
    assert old.exists()


def test_a_build_that_fails_late_leaves_the_page_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "good", families=(ANT,))
    build_leaderboard(root, site, TRUST)
    before = contents(site)
    write_entry(root, "better", families=(ANT,), level=0.9)

    opened = []

    @contextmanager
    def full(path: Path) -> Iterator[Path]:
        opened.append(path)
        if len(opened) == 2:
            raise OSError(errno.ENOSPC, "no space left on device")
        with replacing(path) as temporary:
            yield temporary

    monkeypatch.setattr(site_module, "replacing", full)
    with pytest.raises(LeaderboardError, match=r"cannot be written into .*/site: no space"):
        build_leaderboard(root, site, TRUST)
    assert contents(site) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entries", "site"]


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "good", families=(ANT,))
    site.mkdir()
    (site / "thesis.tex").write_text("years of work")
    with pytest.raises(LeaderboardError, match=r"holds 'thesis.tex'"):
        build_leaderboard(root, site, TRUST)
    assert contents(site) == {"thesis.tex": "years of work"}
    with pytest.raises(LeaderboardError, match="is not a folder"):
        build_leaderboard(root, site / "thesis.tex", TRUST)


def test_no_entries_make_a_page_with_the_paper_s_rows(tmp_path: Path) -> None:
    (tmp_path / "entries").mkdir()
    assert build_leaderboard(tmp_path / "entries", tmp_path / "site", TRUST) == []
    document = json.loads(contents(tmp_path / "site")["leaderboard.json"])
    assert document["rows"] == []
    assert len(document["published"]["rows"]) == 13


def test_an_unknown_agent_cannot_be_named(tmp_path: Path) -> None:
    folder = write_entry(tmp_path, "mine", families=(ANT,), agent="mine")
    check_folder(folder, TRUST, known_agent={"mine"}.__contains__)
    with pytest.raises(LeaderboardError, match="mine: smile-bench has no agent 'mine'"):
        check_folder(folder, TRUST, known_agent=set[str]().__contains__)


def test_a_terminal_shows_ranks_and_scores(tmp_path: Path) -> None:
    root = tmp_path / "entries"
    write_entry(root, "first", level=0.9)
    write_entry(root, "partial", families=(ANT,), track="interactive")
    lines = summary_lines(build_leaderboard(root, tmp_path / "site", TRUST))
    assert "rank 1" in lines[0]
    assert "0.900 [0.900, 0.900]" in lines[0]
    assert "incomplete" in lines[1]


def test_leftovers_of_killed_builds_are_removed(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "good", families=(ANT,))
    build_leaderboard(root, site, TRUST)
    (site / ".index.html.x1y2.part").write_text("half a page")
    former = tmp_path / ".site.abcd.part"
    (former / "new").mkdir(parents=True)
    build_leaderboard(root, site, TRUST)
    assert set(contents(site)) == set(FILES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entries", "site"]


def test_two_builds_of_one_target_at_once_are_one_clear_error(tmp_path: Path) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "good", families=(ANT,))
    build_leaderboard(root, site, TRUST)
    before = contents(site)
    write_entry(root, "better", families=(ANT,), level=0.9)
    handle = os.open(site, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(LeaderboardError, match="another build is writing into"):
            build_leaderboard(root, site, TRUST)
    finally:
        os.close(handle)
    assert contents(site) == before
    build_leaderboard(root, site, TRUST)
    assert contents(site) != before


def test_the_page_is_there_at_every_moment_of_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, site = tmp_path / "entries", tmp_path / "site"
    write_entry(root, "good", families=(ANT,))
    build_leaderboard(root, site, TRUST)
    seen = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append(set(FILES) <= {path.name for path in site.iterdir()})
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    build_leaderboard(root, site, TRUST)
    assert seen == [True] * len(FILES)


def test_the_first_build_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_entry(tmp_path / "entries", "good", families=(ANT,))

    @contextmanager
    def full(path: Path) -> Iterator[Path]:
        raise OSError(errno.ENOSPC, "no space left on device")
        yield path

    monkeypatch.setattr(site_module, "replacing", full)
    with pytest.raises(LeaderboardError, match="no space"):
        build_leaderboard(tmp_path / "entries", tmp_path / "site", TRUST)
    assert [path.name for path in tmp_path.iterdir()] == ["entries"]


def test_one_run_is_not_two_entries(tmp_path: Path) -> None:
    root = tmp_path / "entries"
    first = write_entry(root, "first", families=(ANT,), spread=0.1)
    shutil.copytree(first, root / "second")
    card = json.loads((first / "entry.json").read_text())
    (root / "second" / "entry.json").write_text(
        json.dumps({**card, "name": "second", "title": "Second"})
    )
    with pytest.raises(LeaderboardError, match=r"second: .* has the same evidence as first"):
        build_leaderboard(root, tmp_path / "site", TRUST)


def test_the_weights_of_an_agent_that_ships_must_be_those_that_ship(tmp_path: Path) -> None:
    folder = write_entry(
        tmp_path, "mine", families=(ANT,), agent="mine", facts={"weights": "a" * 64}
    )
    check_folder(folder, TRUST, shipped_weights=lambda agent, family: "a" * 64)
    with pytest.raises(LeaderboardError, match="the weights aaaaaaaaaaaaaaaa…, but mine ships"):
        check_folder(folder, TRUST, shipped_weights=lambda agent, family: "b" * 64)
    with pytest.raises(LeaderboardError, match="but mine ships with no weights"):
        check_folder(folder, TRUST, shipped_weights=lambda agent, family: None)


def test_a_terminal_sees_the_progress_of_evaluations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "entries"
    write_entry(root, "first", families=(ANT,), seeds=(0, 1), spread=0.1)
    write_entry(root, "second", families=(ANT,), level=0.4)
    check_entries(root, TRUST)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    check_entries(root, TRUST)
    shown = capsys.readouterr().err
    assert "0/3" in shown
    assert "evaluation" in shown
