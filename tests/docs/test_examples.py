"""Every code block of every page runs as it stands, and every command is one that there is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pages import blocks

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
GUIDE = DOCS / "how_to" / "score_your_agent.md"
WITH_CODE = [
    page
    for page in WRITTEN
    if page != GUIDE and any(language in ("python", "sh") for language, *_ in blocks(page))
]
MINARI = "ignore::UserWarning:minari.utils"
"""Minari's advice to authors of datasets."""


def run_pages(pages: list[Path], folder: Path) -> str:
    """Run pages one after the other in one fresh interpreter; return what was printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", MINARI, "-m", "tests.helpers.pages", *pages],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MINARI_DATASETS_PATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs(page: Path, clone: Path) -> None:
    for needed in ("torch", "matplotlib", "minari"):
        pytest.importorskip(needed)
    run_pages([page], clone)


def test_the_code_of_the_generated_pages_runs(staged: Path, clone: Path) -> None:
    written = {page.relative_to(DOCS) for page in WRITTEN[1:]}
    # The tutorial is a script of its own, which tests/test_tutorials.py runs.
    pages = [
        page
        for page in sorted(staged.rglob("*.md"))
        if page.relative_to(staged) not in written and page.parent.name != "tutorials"
    ]
    assert {page.parent.name for page in pages} >= {"families", "agents", "reference"}
    run_pages(pages, clone)


def test_the_guide_ends_with_a_verified_result(clone: Path) -> None:
    printed = run_pages([GUIDE], clone)
    assert "verified exactly" in printed
    results = clone / "results" / "SmileGridGoal-v0" / "my_agent.make_agent"
    saved = sorted(folder.name for folder in results.iterdir())
    assert saved == ["1-shots", "2-shots", "4-shots", "8-shots", "primary"]


def test_the_readme_has_its_three_examples() -> None:
    assert [block[0] for block in blocks(ROOT / "README.md")].count("python") == 3
