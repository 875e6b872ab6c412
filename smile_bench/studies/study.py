"""What a study is: cells, each of them an agent on a family under a condition, with seeds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from smile_bench import __version__
from smile_bench.baselines.registry import get_agent
from smile_bench.datasets import Condition
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.seeds import seeds_as_text
from smile_bench.settings import as_text, flatten, replaced

__all__ = ["Cell", "Job", "Study"]

LONGEST = 80
"""Characters of seeds in the name of a folder."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One agent on one family under one condition; its seeds are what a statistic is over."""

    agent: str
    family: str
    condition: Condition
    changes: tuple[tuple[str, str], ...] = ()
    """Settings that differ from the preset, by name, as text."""
    seeds: tuple[int, ...]
    together: int | None = None
    """Trainings of one computation at most; None for one on a CPU and all on a GPU."""
    precision: str = "float32"
    """Of products in training, ``"float32"`` or ``"bf16"``."""

    @property
    def trained(self) -> bool:
        """Whether there is something to train."""
        return get_agent(self.agent).training is not None

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """Everything that the cell's results follow from, seeds aside, as JSON-able data.

        All settings of the training are among them, so that a preset which changes makes another
        cell.
        """
        training = get_agent(self.agent).training
        settings: dict[str, str] = {}
        if training is not None:
            config = replaced(training.make_preset(self.family, 0), dict(self.changes))
            settings = {name: as_text(value) for name, value in flatten(config).items()}
            settings.pop("seed", None)
        meta_test = load_meta_test(self.family)
        return {
            "agent": self.agent,
            "family": self.family,
            "condition": self.condition.on(self.family).digest,
            "settings": settings,
            "protocol": meta_test.version,
            "dataset": meta_test.dataset,
            "version": __version__,
            **({} if self.precision == "float32" else {"precision": self.precision}),
        }

    @cached_property
    def id(self) -> str:
        """Digest of :attr:`facts`: 12 hexadecimal digits."""
        text = json.dumps(self.facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def folder(self) -> str:
        """Where its results lie in a study's folder."""
        label = str(self.condition.on(self.family)) if self.trained else "untrained"
        words = [label, *(f"{name}={value}" for name, value in self.changes)]
        words += [] if self.precision == "float32" else [self.precision]
        slug = re.sub(r"[^a-z0-9.=]+", "-", " ".join(words).lower()).strip("-")[:80]
        return f"{self.agent}/{self.family}/{slug}-{self.id}"

    @cached_property
    def label(self) -> str:
        """For messages."""
        parts = [self.agent, self.family]
        if self.trained:
            parts.append(str(self.condition.on(self.family)))
        parts += [f"{name}={value}" for name, value in self.changes]
        return " | ".join([*parts, *([] if self.precision == "float32" else [self.precision])])

    def jobs(self, default_together: int | None) -> list[Job]:
        """The cell's seeds in blocks, each of which is trained as one computation.

        Args:
            default_together: size of the blocks where the cell does not say; None for all seeds.
        """
        size = self.together or default_together or len(self.seeds)
        starts = range(0, len(self.seeds), size)
        return [Job(cell=self, seeds=self.seeds[start : start + size]) for start in starts]


@dataclass(frozen=True, kw_only=True)
class Job:
    """Some seeds of a cell: what a worker claims, trains and evaluates."""

    cell: Cell
    seeds: tuple[int, ...]

    @property
    def folder(self) -> str:
        """Where it works, below a study's folder. It follows from the job alone."""
        text = seeds_as_text(self.seeds)
        if len(text) > LONGEST:  # Of many scattered seeds; file systems hold 255 characters.
            text = f"{text[:LONGEST].rpartition(',')[0]}-and-more-{self.id}"
        return f"{self.cell.folder}/seeds-{text}"

    @property
    def id(self) -> str:
        """Of the job; the same cell and seeds give the same one everywhere."""
        text = f"{self.cell.id} {seeds_as_text(self.seeds)}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """For messages."""
        many = "s" if len(self.seeds) > 1 else ""
        return f"{self.cell.label} | seed{many} {seeds_as_text(self.seeds)}"


@dataclass(frozen=True, kw_only=True)
class Study:
    """A grid of cells."""

    name: str
    description: str
    cells: tuple[Cell, ...]
    modules: tuple[str, ...] = ()
    """Imported by every worker first, such as one that registers an agent."""
    text: str
    """The file that it was read from."""

    def jobs(self, default_together: int | None = 1) -> list[Job]:
        """Every job, in the order of the file."""
        return [job for cell in self.cells for job in cell.jobs(default_together)]

    @property
    def digest(self) -> str:
        """SHA-256 of the cells with their seeds."""
        rows = sorted(f"{cell.id} {seeds_as_text(cell.seeds)}" for cell in self.cells)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()
