"""Every generated page of the site by its path below ``docs``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tools.docs.agents import agent_pages
from tools.docs.command_line import command_line_page
from tools.docs.curves import learning_curves
from tools.docs.families import family_pages
from tools.docs.tutorial import tutorial_pages

__all__ = ["generated_pages"]

CHANGES = Path(__file__).parents[2] / "CHANGELOG.md"


def generated_pages() -> Mapping[str, str | bytes]:
    """Path to content: Markdown of pages, bytes of pictures."""
    return {
        **family_pages(),
        **agent_pages(),
        **tutorial_pages(),
        "images/learning_curves.png": learning_curves(),
        "reference/command_line.md": command_line_page(),
        "changes.md": CHANGES.read_text(encoding="utf-8").replace("](docs/", "]("),
    }
