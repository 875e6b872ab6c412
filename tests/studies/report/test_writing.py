"""Writing a report: whole or not at all, and only over a report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from smile_bench.cli import main
from smile_bench.errors import StudyError
from smile_bench.studies.report import write_report, writing
from smile_bench.studies.report.notes import Notes
from tests.helpers.made_folders import made_study
from tests.helpers.studies import finished
from tests.studies.report.made import BUDGET

pytest.importorskip("torch")
pytest.importorskip("matplotlib")


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_report_replaces_an_earlier_one(tmp_path: Path) -> None:
    folder, output = made_study(tmp_path / "study", BUDGET), tmp_path / "page"
    assert write_report(folder, output, file="a.toml") == len(files(output)) == 5
    first = files(output)
    (output / "figures" / "Former-v0-tasks.svg").write_text("old", encoding="utf-8")
    (output / "figures" / ".SmileAntGoal-v0-tasks.svg.x1.part").write_text("", encoding="utf-8")
    write_report(folder, output, file="a.toml")
    assert files(output) == first


def test_a_report_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, output = made_study(tmp_path / "study", BUDGET), tmp_path / "page"
    write_report(folder, output, file="a.toml")
    before = files(output)
    rendered = writing.render_report(folder, file="b.toml", notes=Notes())
    # A lone surrogate cannot be written as UTF-8: the last file fails.
    broken = {**rendered, "figures/z.svg": "\ud800"}
    monkeypatch.setattr(writing, "render_report", lambda *_, **__: broken)
    with pytest.raises(UnicodeEncodeError):
        write_report(folder, output, file="b.toml")
    assert files(output) == before


@pytest.mark.parametrize("name", ["notes.md", "figures/photo.png", "sub/index.md"])
def test_another_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "page" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(StudyError, match=r"which is not part of a report. Name another folder"):
        write_report(made_study(tmp_path / "study", BUDGET), tmp_path / "page", file="a.toml")
    assert files(tmp_path / "page") == {name: b"mine"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("mine", encoding="utf-8")
    with pytest.raises(StudyError, match="is not a folder"):
        write_report(made_study(tmp_path / "study", BUDGET), tmp_path / "page", file="a.toml")


def test_without_matplotlib_one_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_study(tmp_path / "study", BUDGET)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["study", "report", str(folder.path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install 'smile-bench[study]'" in said
    assert not (folder.path / "report").exists()


def test_a_real_study_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trainings on the grid and an agent that is not trained."""
    folder = finished(tmp_path / "work")
    file = tmp_path / "small.toml"
    file.write_text(folder.study.text, encoding="utf-8")
    (tmp_path / "small.notes.toml").write_text('[why]\n"tabular*" = "Exact."\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["study", "report", "small.toml", "--folder", "work", "--output", "page"]) == 0
    assert "the page is page/index.md" in capsys.readouterr().out
    page = (tmp_path / "page" / "index.md").read_text(encoding="utf-8")
    assert "smile-bench study run small.toml" in page
    assert "| retrieve-and-play | not trained | 1 |" in page
    assert page.count("| 1 |\n") == 2
    assert "1. Exact.\n" in page
    assert page.count(": 2 seeds; the study asks for no more.") == 2
    assert "retrieve-and-play, not trained" not in page.partition("## What is missing")[2]
    assert {path.name for path in (tmp_path / "page" / "figures").iterdir()} >= {
        "SmileGridGoal-v0-tasks.svg",
        "SmileGridGoal-v0-shots.svg",
    }


def test_the_page_lies_in_the_studys_folder_by_default(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", BUDGET)
    assert main(["study", "report", str(folder.path)]) == 0
    page = (folder.path / "report" / "index.md").read_text(encoding="utf-8")
    assert "smile-bench study run small-budget.toml" in page
    assert str(tmp_path) not in page
