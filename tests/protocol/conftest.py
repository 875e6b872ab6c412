"""What tests of results share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from smile_bench.protocol import evaluation, verification
from tests.helpers.results import evaluated


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The path of a saved result."""
    return evaluated().save(tmp_path)


@pytest.fixture
def frozen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads frozen sets and datasets once, for tests that verify many results."""
    load = cache(evaluation.load_frozen)
    monkeypatch.setattr(verification, "load_frozen", load)
    monkeypatch.setattr(evaluation, "load_frozen", load)
