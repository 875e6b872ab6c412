"""The readers of what users exchange: results, entries, checkpoints, seasons."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tools.fuzz.alterations import HDF5, JSON, TENSORS, flipped, overwritten, truncated
from tools.fuzz.case import Case

__all__ = ["Checkpoints", "EntryFiles", "MeasuredFiles", "ResultFiles"]

ENTRIES = Path(__file__).parents[2] / "leaderboard" / "entries"
GRID, WALKER = "SmileGridGoal-v0", "SmileWalkerDynamics-v0"


class ResultFiles(Case):
    """A result with its evidence."""

    alter: ClassVar = (*JSON, *HDF5)

    def make(self) -> None:
        """As :meth:`Case.make`."""
        for name in self.files():
            shutil.copy(ENTRIES / "meta-bc" / GRID / "seed-0" / "primary" / name, self.folder)

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["result.json", "evidence.h5"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench import read_result

        read_result(self.folder, evidence=True)


class EntryFiles(Case):
    """An entry of the leaderboard: its card, a result and the curve of its training."""

    alter: ClassVar = (*JSON, *HDF5)
    silent = "letters of a card, and numbers of a curve that no score depends on"

    def make(self) -> None:
        """As :meth:`Case.make`."""
        shutil.copytree(ENTRIES / "meta-bc" / WALKER, self.folder / "meta-bc" / WALKER)
        card = json.loads((ENTRIES / "meta-bc" / "entry.json").read_text(encoding="utf-8"))
        card |= {"families": [WALKER], "demonstrations": {WALKER: 32}}
        text = json.dumps(card, indent=1)
        (self.folder / "meta-bc" / "entry.json").write_text(text, encoding="utf-8")

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        seed = f"meta-bc/{WALKER}/seed-0"
        return ["meta-bc/entry.json", f"{seed}/progress.csv", f"{seed}/primary/result.json"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.leaderboard.build import check_folder
        from smile_bench.leaderboard.checks.verification import Verifier
        from smile_bench.leaderboard.entries.training import read_curve

        check_folder(self.folder / "meta-bc", Verifier(replay=False))
        curve = self.folder / "meta-bc" / WALKER / "seed-0" / "progress.csv"
        read_curve(curve, "distance")


class Checkpoints(Case):
    """A checkpoint and the log of an unfinished training, on resume."""

    alter: ClassVar = (*TENSORS, flipped, truncated, overwritten)
    silent = "numbers of the log, which no score depends on"

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.learning.loop import run

        run(_Training(), self.folder, stop_after=3)
        shutil.rmtree(self.folder / "tensorboard")

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["checkpoint.safetensors", "progress.csv"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.learning.loop import run

        run(_Training(), self.folder, stop_after=0)


class _Training:
    """The least training that there is."""

    iterations = 5

    def __init__(self) -> None:
        self.iteration, self.weights = 0, np.zeros(64)
        self.settings: Mapping[str, Any] = {"size": 64}

    def step(self) -> dict[str, float]:
        self.iteration += 1
        self.weights += 1.0
        return {"losses/x": 1.0 / self.iteration}

    def state_dict(self) -> dict[str, Any]:
        return {"iteration": self.iteration, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.iteration = int(state["iteration"])
        self.weights[:] = state["weights"]


class MeasuredFiles(Case):
    """What ``leaderboard season`` and ``leaderboard retrain`` wrote."""

    alter: ClassVar = JSON
    silent = "measurements of one's own, not part of an entry"

    def make(self) -> None:
        """As :meth:`Case.make`."""
        from smile_bench.leaderboard.checks.further import write_retrained
        from smile_bench.leaderboard.checks.retraining import Retrained
        from smile_bench.leaderboard.checks.season import season_document, write_season

        numbers = {"frozen": 0.5, "fresh": 0.4, "gap": -0.1, "gap_error": 0.02}
        agents = {"mine": {"weights_sha256": "a" * 64, **numbers}}
        document = season_document(7, {WALKER: {"agents": agents}})
        write_season(self.folder / "season.json", document)
        again = Retrained(
            family=WALKER, score=0.2, seeds=(1, 2), scores=(0.2, 0.3), low=0.1, high=0.4
        )
        write_retrained(self.folder / "retrained.json", "mine", [again])

    def files(self) -> list[str]:
        """As :meth:`Case.files`."""
        return ["season.json", "retrained.json"]

    def read(self) -> Any:
        """As :meth:`Case.read`."""
        from smile_bench.leaderboard.checks.further import read_further

        seasons, retrained = [self.folder / "season.json"], [self.folder / "retrained.json"]
        read_further(seasons=seasons, retrained=retrained)
