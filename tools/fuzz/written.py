"""The reader of files that people write: studies."""

from __future__ import annotations

from typing import Any, ClassVar

from tools.fuzz.alterations import flipped, overwritten, truncated, value_replaced
from tools.fuzz.case import Case

__all__ = ["StudyFile"]

STUDY = """\
name = "mini"
description = "every kind of key"
seeds = "0-2"
together = 3

[[cells]]
families = ["SmileGridGoal-v0"]
agents = ["tabular-smile"]
conditions = ["canonical", { demonstrations = 2, tasks = 8 }]
settings = [{ }, { iterations = 6 }]
precision = "float32"

[[cells]]
families = "SmileAntGoal-v0"
agents = "smile"
conditions = ["4 demonstrations"]
seeds = [4, 5]
settings = { sac.discount = 0.9, iterations = 3 }
"""


class StudyFile(Case):
    """A study file with every kind of key but ``import``, which runs what it names."""

    alter: ClassVar = (flipped, truncated, overwritten, value_replaced)
    silent = "text that people write: another digit is another study"

    def make(self) -> None:
        """As :meth:`Case.make`."""
        (self.folder / "mini.toml").write_text(STUDY, encoding="utf-8")

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["mini.toml"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.studies.reading import read_study

        read_study(self.folder / "mini.toml")
