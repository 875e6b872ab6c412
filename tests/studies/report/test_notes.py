"""Notes: the sentences of the column "why"."""

from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.errors import StudyError
from smile_bench.studies.reading import parse_study, read_study
from smile_bench.studies.report.notes import notes_beside, read_notes
from tests.studies.report.made import PAPER

pytest.importorskip("torch")

STUDIES = Path(__file__).parents[3] / "studies"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "small.notes.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_first_pattern_that_fits_counts(tmp_path: Path) -> None:
    study = parse_study(PAPER, "small.toml")
    text = '[why]\n"smile | *Walker*" = "First."\n"smile | *" = "Second."\n'
    notes = read_notes(written(tmp_path, text), study)
    found = {cell.label: notes.of(cell) for cell in study.cells}
    assert found["smile | SmileWalkerDynamics-v0 | 32 demonstrations, all tasks"] == "First."
    assert found["smile | SmileAntGoal-v0 | 16 demonstrations, all tasks"] == "Second."
    assert found["meta-bc | SmileAntGoal-v0 | 16 demonstrations, all tasks"] == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[why", "is not TOML"),
        ("why = 3", r"must have one table, \[why\]"),
        ('[because]\n"*" = "x"', r"must have one table, \[why\]"),
        ('[why]\n"*" = 3', r"the note of '\*' is 3; give one line"),
        ('[why]\n"*" = ""', "give one line"),
        ('[why]\n"*" = """a\nb"""', "give one line"),
        (f'[why]\n"*" = "{"x" * 401}"', "at most 400 characters"),
        (
            '[why]\n"smile | SmileAntGoal-v0 | 16 demonstration" = "x"',
            r"fits no cell of the study small-paper. Did you mean "
            r"'smile \| SmileAntGoal-v0 \| 16 demonstrations, all tasks'",
        ),
    ],
)
def test_wrong_notes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        read_notes(written(tmp_path, text), parse_study(PAPER, "small.toml"))


def test_notes_lie_beside_a_study(tmp_path: Path) -> None:
    study = tmp_path / "small.toml"
    assert notes_beside(study) is None
    study.write_text(PAPER, encoding="utf-8")
    assert notes_beside(study) is None
    path = written(tmp_path, "[why]\n")
    assert notes_beside(study) == path


def test_the_notes_of_the_repository_fit_their_study() -> None:
    study = STUDIES / "paper.toml"
    path = notes_beside(study)
    assert path is not None
    assert read_notes(path, read_study(study)).sentences
