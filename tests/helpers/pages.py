"""Runs the code of a page as a reader would: ``python -W error -m tests.helpers.pages PAGE...``.

The blocks of a page build on each other. A block with a title is saved under it: of Python, it is
then run as a script. A Python block without one continues the session. Every ``smile-bench``
command is parsed, and run if it is quick.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smile_bench.cli import build_parser, main

FENCE = re.compile(r"^```(\w*)(?: title=\"(.*?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUICK_FAMILIES = {"SmileGridGoal-v0", "MyGrid-v0"}
QUICK = {"families", "agents", "verify"}
QUICK_STUDY = "grid.toml"
QUICK_ON_A_GRID = {"evaluate", "fine-tune", "datasets build", "datasets verify", "datasets card"}


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Language, title and text of every code block of a page."""
    for block in FENCE.finditer(page.read_text(encoding="utf-8")):
        yield block[1], block[2] or "", block[3]


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every ``smile-bench`` command of a shell block; loops run once."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.replace("$seed", "0"), comments=True)
        if words[:1] == ["smile-bench"]:
            yield words[1:]


def run_page(page: Path) -> None:
    """Run every block of a page in the working directory.

    Raises:
        SystemExit: a command failed.
    """
    names: dict[str, Any] = {"__name__": "__page__"}
    for language, title, text in blocks(page):
        if language == "python" and title:
            Path(title).write_text(text, encoding="utf-8")
            subprocess.run([sys.executable, "-W", "error", title], check=True)
        elif language == "toml" and title:
            Path(title).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, str(page), "exec"), names)  # noqa: S102 (our own page)
        elif language == "sh":
            for arguments in commands(text):
                run_command(arguments)


def run_command(arguments: list[str]) -> None:
    """Parse a command, and run it where that takes seconds; a training prints its settings.

    Raises:
        SystemExit: it failed.
    """
    if arguments == ["--version"]:
        return
    build_parser().parse_args(arguments)
    words = arguments[2:] if arguments[0] == "--import" else arguments
    quick = (
        words[0] in QUICK
        or (words[0] == "study" and words[2:] == [QUICK_STUDY])
        or any(
            " ".join(words).startswith(command) and QUICK_FAMILIES & set(words)
            for command in QUICK_ON_A_GRID
        )
    )
    if words[0] == "train" and not {"MyGrid-v0", "mean-action"} & set(words):
        arguments, quick = [*arguments, "--print-config"], True
    if quick or words[0] == "train":
        print("$ smile-bench", *arguments, flush=True)
        if main(arguments) != 0:
            raise SystemExit(f"{shlex.join(arguments)} failed")


if __name__ == "__main__":
    sys.path.insert(0, "")
    for path in sys.argv[1:]:
        print(f"== {path}", flush=True)
        run_page(Path(path))
