"""A package for an agent of one's own: written whole, and it works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smile_bench.cli import main

GRID = "SmileGridGoal-v0"


def test_it_is_written_trained_and_entered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my_agent"
    assert main(["new", str(folder), "--family", GRID]) == 0
    assert "pip install --editable" in capsys.readouterr().out
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert all("@" not in path.read_text() for path in folder.rglob("*.md"))

    def run(*command: str) -> None:
        subprocess.run(
            [sys.executable, *command],
            check=True,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)},
        )

    run("-m", "pytest", "-q", "-p", "no:cacheprovider")
    run("-m", "my_agent.train", "--updates", "300", "--author", "A. Author")
    command = ("-m", "smile_bench", "leaderboard")
    run(*command, "check", "entries/my-agent")
    run(*command, "build", "--entries", "entries", "--output", "site")
    assert "MyAgent" in (folder / "site" / "index.html").read_text(encoding="utf-8")
    run("-m", "smile_bench", "evaluate", "--family", GRID, "--agent", "my_agent.agent:make_agent")
    lint = ("-m", "ruff", "check", "--isolated", "--select", "E,F,I,UP,B", "--line-length", "100")
    run(*lint, "--config", 'lint.isort.known-first-party=["my_agent"]', ".")


@pytest.mark.parametrize("name", ["My-Agent", "class", "1st", "a b"])
def test_a_name_that_cannot_be_imported_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", str(tmp_path / name)]) == 2
    assert "cannot name a package" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["numpy", "json", "smile_bench"])
def test_a_name_that_would_hide_a_package_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", str(tmp_path / name)]) == 2
    assert "would hide it" in capsys.readouterr().err


def test_an_existing_folder_and_an_unknown_family_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    assert main(["new", str(tmp_path / "mine")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["new", str(tmp_path / "other"), "--family", "SmileAntGaol-v0"]) == 2
    assert "Did you mean" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
