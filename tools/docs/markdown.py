"""Markdown from data: tables, fences, headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["code", "demoted", "fence", "plain_roles", "table"]

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`~?([^`]+)`")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars inside cells are escaped and line breaks become spaces."""
    lines = [_line(header), _line(["---"] * len(header))]
    return "\n".join([*lines, *(_line(row) for row in rows)]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def code(value: object) -> str:
    """A value in code type."""
    return f"`{value}`"


def fence(text: str, language: str) -> str:
    """A code block."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def demoted(text: str, levels: int) -> str:
    """Markdown with every heading ``levels`` lower; code blocks stay as they are."""
    lines, inside = [], False
    for line in text.splitlines():
        inside ^= line.startswith("```")
        lines.append("#" * levels + line if line.startswith("#") and not inside else line)
    return "\n".join(lines)


def plain_roles(text: str) -> str:
    """Docstring text with Sphinx roles and double backticks as Markdown code."""
    return _ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2]}`", text).replace("``", "`")
