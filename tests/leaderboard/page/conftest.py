"""A document of made-up entries, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_bench.leaderboard.checks.verification import Status
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.leaderboard.page.document import leaderboard_document
from smile_bench.leaderboard.page.published import load_published
from smile_bench.leaderboard.ranking import rank
from smile_bench.leaderboard.rows import entry_rows
from tests.helpers.browser import ARGUMENTS, chromium
from tests.helpers.made_entries import ANT, FAMILIES, write_entry


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    folders = [
        write_entry(tmp_path, "first", level=0.9, spread=0.05),
        write_entry(tmp_path, "second", level=0.5, title="A | <b>pipe</b> [x](y)"),
        write_entry(tmp_path, "partial", families=(ANT,)),
        write_entry(
            tmp_path, "privileged", reference=True, facts={"privileged": True, "training": None}
        ),
    ]
    rows = [
        row
        for folder in folders
        for row in entry_rows(read_entry(folder), lambda one: Status.EXACT, FAMILIES)
    ]
    return leaderboard_document(rank(rows), load_published(), FAMILIES, evidence_base="../entries/")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    path = chromium()
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield launched
        launched.close()
