"""The page: one HTML file that holds its style, its program and its data.

Nothing that an entry says becomes markup. The data are a block of JSON in which no character can
end the block, and the program puts them into the page as text. A content security policy allows
this style and this program, by digest, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from string import Template
from typing import Any

__all__ = ["SCRIPTS", "leaderboard_page", "policy"]

SCRIPTS = (
    "dom.js",
    "model.js",
    "state.js",
    "filters.js",
    "details.js",
    "cells.js",
    "table.js",
    "chart.js",
    "polar.js",
    "plots.js",
    "comparison.js",
    "fine_tuned.js",
    "surfaces.js",
    "main.js",
)
"""The parts of the program, in order."""


def leaderboard_page(document: Mapping[str, Any]) -> str:
    """The page of a leaderboard document."""
    style = _read("style.css")
    script = "(() => {\n'use strict';\n" + "\n".join(map(_read, SCRIPTS)) + "})();\n"
    return Template(_read("page.html")).substitute(
        policy=policy(style, script), style=style, script=script, data=_embedded(document)
    )


def policy(style: str, script: str) -> str:
    """The content security policy of a page with one style and one program."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _embedded(document: Mapping[str, Any]) -> str:
    """JSON that is safe between script tags: ``<``, ``>`` and ``&`` are escaped."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _digest(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"sha256-{digest}"


def _read(name: str) -> str:
    path = resources.files(__package__) / "assets" / name
    return path.read_text(encoding="utf-8")
