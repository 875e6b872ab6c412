"""The examples of the README and of the guide for agents run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from smile_bench.cli.main import main

ROOT = Path(__file__).parent.parent
README, GUIDE = ROOT / "README.md", ROOT / "docs" / "score_your_agent.md"


def examples(page: Path, language: str = "python") -> list[str]:
    """The blocks of a page in a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run(example: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", example], check=True, cwd=folder)


def test_the_pages_have_their_three_examples() -> None:
    assert len(examples(README)) == len(examples(GUIDE)) == 3


@pytest.mark.parametrize("example", examples(README), ids=["environment", "data", "agent"])
def test_an_example_of_the_readme_runs(example: str, tmp_path: Path) -> None:
    run(example, tmp_path)


def test_the_guides_agent_is_scored_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = examples(GUIDE)[0]
    run(example, tmp_path)
    (tmp_path / "my_agent.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_agent", raising=False)
    commands = [line for block in examples(GUIDE, "sh") for line in block.splitlines()]
    ours = [shlex.split(line)[1:] for line in commands if line.startswith("smile-bench ")]
    assert [command[0] for command in ours] == ["evaluate", "verify"]
    for command in ours:
        assert main(command) == 0
    assert "verified exactly" in capsys.readouterr().out
    folders = (tmp_path / "results" / "SmileGridGoal-v0" / "my_agent.make_agent").iterdir()
    assert sorted(folder.name for folder in folders) == [
        "1-shots",
        "2-shots",
        "4-shots",
        "8-shots",
        "primary",
    ]


def test_the_guides_adaptor_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    run(examples(GUIDE)[1], tmp_path)


def test_the_guides_training_runs(tmp_path: Path) -> None:
    run(examples(GUIDE)[2], tmp_path)


@pytest.mark.parametrize("page", [README, GUIDE], ids=["readme", "guide"])
def test_the_files_that_a_page_links_to_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)]+)\)", page.read_text(encoding="utf-8"))
    assert links
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing
