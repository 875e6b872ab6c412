"""The site, staged and built once a session, whichever worker comes first."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every page of the site as Markdown, and the built site beside it."""
    pytest.importorskip("mkdocs", reason="the site needs MkDocs: pip install '.[docs]'")
    pytest.importorskip("matplotlib", reason="the site needs Matplotlib: pip install '.[docs]'")
    pytest.importorskip("torch", reason="the settings of agents need PyTorch")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    work = shared / "docs-site"
    with (shared / "docs-site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (work / "done").exists():
            from tools.docs.build import build

            build(work / "staged", work / "site")
            (work / "done").touch()
    return work / "staged" / "docs"


@pytest.fixture(scope="session")
def site(staged: Path) -> Path:
    """The built site."""
    return staged.parents[1] / "site"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """An empty working directory in which ``leaderboard`` is the one of this clone."""
    (tmp_path / "leaderboard").symlink_to(ROOT / "leaderboard")
    return tmp_path
