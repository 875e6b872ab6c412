"""Notes beside a study: one sentence for cells, which the report's column "why" shows."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from smile_bench.errors import StudyError, shown
from smile_bench.io.files import read_bounded
from smile_bench.studies.study import Cell, Study

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Notes", "notes_beside", "read_notes"]

LIMIT = 1 << 18
LONGEST = 400
EXAMPLE = '"meta-bc | SmileHalfCheetahVelocity-v0 | *" = "It sees normalised observations."'


@dataclass(frozen=True)
class Notes:
    """Sentences by patterns of cells."""

    sentences: Mapping[str, str] = field(default_factory=dict)

    def of(self, cell: Cell) -> str:
        """The sentence of the first pattern that fits a cell's label; empty without one."""
        found = (text for pattern, text in self.sentences.items() if _fits(cell, pattern))
        return next(found, "")


def notes_beside(study: Path) -> Path | None:
    """The notes that lie beside a study's file, ``NAME.notes.toml`` for ``NAME.toml``."""
    path = study.with_suffix(".notes.toml")
    return path if study.is_file() and path.exists() else None


def read_notes(path: Path, study: Study) -> Notes:
    """Read notes: a table ``[why]`` of patterns, each with one sentence.

    A pattern is a cell's label, ``"AGENT | FAMILY | CONDITION"``, in which ``*`` stands for
    anything. Of several that fit, the first counts.

    Raises:
        StudyError: the file is missing or not TOML, has another form, or has a pattern that fits no
            cell of the study.
    """
    try:
        document = tomllib.loads(read_bounded(path, LIMIT, StudyError).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise StudyError(f"{path} is not TOML: {error}.") from error
    sentences = document.get("why", {})
    if set(document) - {"why"} or not isinstance(sentences, dict):
        raise StudyError(f"{path} must have one table, [why], with lines such as {EXAMPLE}.")
    for pattern, text in sentences.items():
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST or "\n" in text:
            raise StudyError(
                f"{path}: the note of {shown(pattern)} is {shown(text)}; give one line of at most "
                f"{LONGEST} characters, such as {EXAMPLE}."
            )
        if not any(_fits(cell, pattern) for cell in study.cells):
            raise StudyError(
                f"{path}: {shown(pattern, 100)} fits no cell of the study {study.name}."
                f"{_closest(pattern, study)} `smile-bench study status --jobs` lists them."
            )
    return Notes(sentences)


def _fits(cell: Cell, pattern: str) -> bool:
    return fnmatchcase(cell.label, pattern)


def _closest(pattern: str, study: Study) -> str:
    labels = [cell.label for cell in study.cells]
    close = difflib.get_close_matches(pattern, labels, n=1, cutoff=0.4)
    return f" Did you mean {close[0]!r}?" if close else ""
