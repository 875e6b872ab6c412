"""Tutorials as pages, from scripts whose cells ``# %%`` separates."""

from __future__ import annotations

import re
from pathlib import Path

from tools.docs.markdown import fence

__all__ = ["tutorial_page", "tutorial_pages"]

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)


def tutorial_pages() -> dict[str, str | bytes]:
    """Path below ``docs`` to the page of every tutorial."""
    return {
        f"tutorials/{path.stem}.md": tutorial_page(path) for path in sorted(TUTORIALS.glob("*.py"))
    }


def tutorial_page(path: Path) -> str:
    """Text cells as text, code cells as code, and pictures that no text cell shows, at the end."""
    _, *cells = CELL.split(path.read_text(encoding="utf-8"))
    parts = []
    for kind, cell in zip(cells[::2], cells[1::2], strict=True):
        text = cell.strip()
        parts.append(text.strip('"') + "\n" if "[markdown]" in kind else fence(text, "python"))
    page = "\n".join(parts)
    places = {
        f"{path.stem}/{picture.name}": picture.stem
        for picture in sorted((path.parent / path.stem).glob("*.png"))
    }
    shown = (f"![{stem}]({place})\n" for place, stem in places.items() if place not in page)
    return "\n".join((page, *shown))
