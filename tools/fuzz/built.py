"""The readers of what a build leaves: its parts and notes, and the cache of demonstrations."""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar

import numpy as np

from tools.fuzz.alterations import JSON, TENSORS, header_retyped
from tools.fuzz.case import Case

__all__ = ["BuildNotes", "CachedBatch"]

GRID = "SmileGridGoal-v0"


class BuildNotes(Case):
    """Notes and parts of a build that was interrupted."""

    alter: ClassVar = (*JSON, header_retyped)

    silent = "parts of a build of one's own, which `datasets verify` replays"

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.io.tensors import write_tensors

        facts = {"rate": 0.5, "metric": "m", "reached": 1.0, "expert": 2.0, "blind": 0.0}
        (self.folder / "calibration.json").write_text(json.dumps({**facts, "episodes": 9}))
        write_tensors(self.folder / "part.safetensors", {"a": np.zeros((2, 3))})

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["calibration.json", "part.safetensors"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.datasets.build import _read_note, _read_part
        from smile_bench.datasets.calibration import Calibration

        Calibration.read(_read_note(self.folder / "calibration.json"), "calibration.json")
        _read_part(self.folder / "part.safetensors")


class CachedBatch(Case):
    """A batch of demonstrations in the cache."""

    alter: ClassVar = TENSORS

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.datasets.conditions.cache import CACHE

        os.environ[CACHE] = str(self.folder)
        self.digest = self.load().digest()

    def load(self) -> Any:
        """Load the batch, which is built the first time."""
        from smile_bench import get_family
        from smile_bench.datasets.conditions.cache import load_batch

        return load_batch(get_family(GRID), 1, 1, "expert")

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return [str(path.relative_to(self.folder)) for path in self.folder.rglob("*.safetensors")]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        assert self.load().digest() == self.digest, "other arrays were read"
