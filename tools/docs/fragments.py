"""What stands for the marks ``<!-- generated: NAME -->`` on the pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from smile_bench.envs import all_families
from tools.docs.agents import agents_table
from tools.docs.board import board_table
from tools.docs.families import families_table

__all__ = ["FRAGMENTS", "with_fragments"]

MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def wall() -> str:
    """A picture of each family, which links to its page; for the home page."""
    links = [
        f"[![{family.title}](images/{family.id}.png) **{family.title}**: {family.summary}]"
        f"(families/{family.id}.md)"
        for family in all_families().values()
    ]
    return '<div class="wall" markdown>\n' + "\n".join(links) + "\n</div>\n"


FRAGMENTS: Mapping[str, Callable[[], str]] = {
    "agents": agents_table,
    "board": board_table,
    "families": families_table,
    "wall": wall,
}


def with_fragments(text: str) -> str:
    """A page with what stands for each mark."""
    return MARK.sub(lambda mark: FRAGMENTS[mark[1]](), text)
