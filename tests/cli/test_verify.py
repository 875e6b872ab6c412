from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smile_bench.cli.main import main
from tests.helpers.results import evaluated


def test_the_command_verifies_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = evaluated().save(tmp_path / "one").parent
    assert main(["verify", str(folder)]) == 0
    assert "verified exactly" in capsys.readouterr().out
    assert main(["verify", str(folder), str(tmp_path / "nothing")]) == 1
    output = capsys.readouterr().out
    assert "NOT VERIFIED" in output
    assert "verified exactly" in output
    # Rounding that another NumPy excuses does not verify a result.
    versions = {**evaluated().versions, "numpy": "2.0.0"}
    replace(evaluated(), scores=evaluated().scores + 1e-12, versions=versions).save(folder)
    assert main(["verify", str(folder)]) == 1
    assert f"{folder}: consistent, not exact" in capsys.readouterr().out
    # A result must not name the code that is run: the agent's name is looked up, never imported.
    agent = "tests.helpers.results:Wanderer"
    replace(evaluated(), agent=agent).save(folder)
    assert main(["verify", str(folder), "--rerun"]) == 1
    assert f"unknown agent '{agent}'" in capsys.readouterr().out
