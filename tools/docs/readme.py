"""Writes the README's pictures and tables again: ``python -m tools.docs.readme``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from smile_bench.envs import all_families
from tools.docs.board import board_table
from tools.docs.families import families_table

__all__ = ["README", "current"]

README = Path(__file__).parents[2] / "README.md"
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _wall() -> str:
    """The pictures of the families in one line."""
    pictures = (
        f'<img src="docs/images/{family.id}.png" width="19%" alt="{family.title}">'
        for family in all_families().values()
    )
    return "\n".join(pictures) + "\n"


FRAGMENTS: Mapping[str, Callable[[], str]] = {
    "board": board_table,
    "families": lambda: families_table(links=False),
    "wall": _wall,
}


def current(text: str) -> str:
    """The README with its generated parts as they are now."""
    return PART.sub(lambda part: f"{part[1]}\n{FRAGMENTS[part[2]]()}\n{part[3]}", text)


def main() -> None:
    """Write them."""
    README.write_text(current(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
