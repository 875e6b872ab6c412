"""Lines of a study's file, for messages that say where something is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smile_bench.errors import StudyError

__all__ = ["Lines"]

HEADER = re.compile(r"\s*\[\[\s*[\"']?cells[\"']?\s*\]\]")


@dataclass(frozen=True)
class Lines:
    """A file, or the part of it that holds one entry.

    The reader of TOML does not say where a value stood, so keys and values are looked up in the
    text: in the part first, then in the whole file.
    """

    source: str
    """What messages call the file."""
    whole: Sequence[str]
    """Every line."""
    part: range
    """The lines, from 0, to look at first."""

    @classmethod
    def of(cls, text: str, source: str) -> Lines:
        """All lines; those above the first ``[[cells]]`` come first."""
        whole = text.splitlines()
        headers = _headers(whole)
        return cls(source, whole, range(headers[0] if headers else len(whole)))

    def entry(self, number: int) -> Lines:
        """The lines of a ``[[cells]]``, counted from 0; all if its header cannot be found."""
        bounds = [*_headers(self.whole), len(self.whole)]
        if number + 1 >= len(bounds):
            return replace(self, part=range(len(self.whole)))
        return replace(self, part=range(bounds[number], bounds[number + 1]))

    def wrong(self, problem: str, *, key: str = "", value: str | None = None) -> StudyError:
        """The error about a key, or about a text among a key's values.

        Args:
            problem: what is wrong, and what to do.
            key: its dotted name; without one the error is about the entry.
            value: the text.
        """
        line = self._line(key, value)
        where = self.source if line is None else f"{self.source}, line {line + 1}"
        return StudyError(f"{where}: {problem.rstrip('.')}.")

    def _line(self, key: str, value: str | None) -> int | None:
        """Where something stands, from 0."""
        name = re.escape(key.rpartition(".")[2])
        defined = re.compile(rf"(?:^|[\s,{{.\"'\[]){name}[\"']?\s*[=.\]]")
        header = (
            self.part.start if self.part and HEADER.match(self.whole[self.part.start]) else None
        )
        if not key:
            return header
        for lines in (self.part, range(len(self.whole))):
            found = [n for n in lines if defined.search(_code(self.whole[n]))]
            if value is None and found:
                return found[0]
            for n in range(found[0], lines.stop) if found else ():
                if re.search(rf"[\"']{re.escape(value or '')}[\"']", _code(self.whole[n])):
                    return n
            if found:
                return found[0]
        return header


def _headers(lines: Sequence[str]) -> list[int]:
    return [number for number, line in enumerate(lines) if HEADER.match(line)]


def _code(line: str) -> str:
    """A line without its comment, as far as one can tell without reading TOML."""
    return line.partition(" #")[0] if not line.lstrip().startswith("#") else ""
