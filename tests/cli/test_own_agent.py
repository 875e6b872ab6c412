"""An agent of the user's own, registered outside the package, through every command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

GRID = "SmileGridGoal-v0"

MODULE = '''
"""Always makes the move that demonstrations make most often."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from smile_bench.baselines import AgentSpec, TrainingSpec, register_agent


@dataclass(frozen=True)
class Prior:
    moves: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Config:
    family: str
    seed: int = 0
    iterations: int = 3
    prior: Prior = field(default_factory=Prior)


class MostOften:
    name = "most-often"

    def __init__(self, config, counts, recipe):
        self.config, self.counts, self.recipe = config, np.asarray(counts), recipe

    def adapt(self, contexts):
        return self

    def act(self, observations):
        return np.full(len(observations), self.counts.argmax())

    def save(self, path):
        path.write_text(json.dumps([asdict(self.config), self.counts.tolist(), self.recipe]))

    @classmethod
    def read(cls, path):
        config, counts, recipe = json.loads(path.read_text())
        return cls(Config(**config), counts, recipe)


class Training:
    """Counts the moves of one task an iteration."""

    def __init__(self, config, access, device):
        self.config, self.iteration = config, 0
        self.shown = access.demonstrations()
        self.counts = np.array(config.prior.moves)
        self.access = access

    iterations = property(lambda self: self.config.iterations)
    settings = property(lambda self: asdict(self.config))

    def step(self):
        self.counts = self.counts + self.shown.actions[self.iteration].sum(axis=(0, 1))
        self.iteration += 1
        return {"moves": float(self.counts.sum())}

    def state_dict(self):
        return {"iteration": self.iteration, "counts": self.counts}

    def load_state_dict(self, state):
        self.iteration, self.counts = state["iteration"], np.asarray(state["counts"])

    def agent(self, recipe):
        used = asdict(self.access.counts)
        return MostOften(
            self.config, self.counts, {**recipe, "access": used, "settings": self.settings}
        )


register_agent(
    AgentSpec(
        name="most-often",
        summary="makes the most frequent move",
        read=MostOften.read,
        weights=Path("weights"),
        training=TrainingSpec(
            track="offline",
            preset=lambda family, seed: Config(family=family, seed=seed),
            trainer=Training,
        ),
    )
)
'''


def smile_bench(folder: Path, *arguments: str, code: int = 0) -> str:
    """What a command writes, run in a folder with the module of the agent."""
    command = [sys.executable, "-m", "smile_bench", "--import", "own_agent", *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == code, run.stderr
    return run.stderr if code else run.stdout


@pytest.mark.slow
def test_an_agent_from_outside_is_listed_trained_evaluated_and_verified(tmp_path: Path) -> None:
    (tmp_path / "own_agent.py").write_text(MODULE)
    subset = ("--demonstrations", "2", "--tasks", "4")
    train = ("train", "--agent", "most-often", "--family", GRID, "--directory", "weights", *subset)
    wrong = smile_bench(tmp_path, *train, "--set", "prior.moves=1,x", code=2)
    assert wrong.count("\n") == 1
    assert "prior.moves takes any number of values" in wrong
    smile_bench(tmp_path, *train, "--set", "prior.moves=0,0,1e6,0,0", "--set", "iterations=4")
    _, counts, recipe = json.loads((tmp_path / "weights" / f"{GRID}.safetensors").read_text())
    assert counts[2] >= 1e6
    assert sum(counts) == 1e6 + 4 * 2 * 20
    assert recipe["command"].endswith(
        "--set prior.moves=0.0,0.0,1000000.0,0.0,0.0 --set iterations=4"
    )
    assert recipe["access"]["demonstrations"] == 8

    listed = {one["name"]: one for one in json.loads(smile_bench(tmp_path, "agents", "--json"))}
    assert listed["most-often"] == {
        "name": "most-often",
        "summary": "makes the most frequent move",
        "trainable": True,
        "track": "offline",
        "state_only": False,
        "weights": [GRID],
    }
    assert "most-often" in smile_bench(tmp_path, "agents")

    command = ("evaluate", "--agent", "most-often", "--family", GRID, "--save", "results")
    assert "most-often" in smile_bench(tmp_path, *command)
    folder = Path("results") / GRID / "most-often"
    result = json.loads((tmp_path / folder / "result.json").read_text())
    assert result["training"]["command"] == recipe["command"]
    verified = smile_bench(tmp_path, "verify", str(folder), "--rerun")
    assert f"{folder}: verified exactly" in verified
