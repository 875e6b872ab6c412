from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.protocol import verify_result
from smile_bench.protocol.verification import isolated
from smile_bench.protocol.verification.isolated import verify_isolated
from tests.helpers.results import evaluated, failed, forged

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


@pytest.mark.slow
def test_a_process_of_its_own_finds_the_same(saved: Path, tmp_path: Path) -> None:
    assert verify_isolated(saved.parent) == verify_result(saved.parent)
    folder = forged(tmp_path / "forged", scores=evaluated().scores + 0.5)
    found = verify_isolated(folder)
    assert failed(found) == ["scores"]
    assert found == verify_result(folder)


@pytest.mark.parametrize(
    ("child", "detail"),
    [
        (CRASH, "crashed the process with SIGSEGV"),
        ("raise SystemExit(3)", "status 3: no message"),
        ("raise ValueError('too deep')", "status 1: ValueError: too deep"),
        ("pass", "status 0: no message"),
    ],
)
def test_an_end_without_an_answer_is_a_failed_check(
    saved: Path, monkeypatch: pytest.MonkeyPatch, child: str, detail: str
) -> None:
    monkeypatch.setattr(isolated, "CHILD", child)
    found = verify_isolated(saved.parent)
    assert failed(found) == ["process"]
    assert detail in found.findings[0].detail
    assert not found.ranked


def test_a_process_that_takes_too_long_is_ended(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "CHILD", "import time; time.sleep(60)")
    found = verify_isolated(saved.parent, seconds=0.2)
    assert "longer than 0.2 s" in found.findings[0].detail


def test_nothing_is_imported_from_the_folder_that_is_verified(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (saved.parent / "json.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(saved.parent)
    assert verify_isolated(saved.parent).passed
