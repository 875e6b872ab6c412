"""A tiny agent of the unsupervised track: trained, resumed, checked, evaluated and entered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import smile_bench
from smile_bench.access import Access
from smile_bench.agents import require_family
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines import (
    AgentSpec,
    TrainingSpec,
    load_agent,
    register_agent,
    registry,
    train_agent,
)
from smile_bench.cli.main import main
from smile_bench.datasets import Context
from smile_bench.envs import get_family
from smile_bench.errors import InputError, SmileError
from smile_bench.leaderboard.checks.consistency import check_entry
from smile_bench.leaderboard.entries.drafting import Statements, draft_entry, found_results
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.studies.results import read_cells
from smile_bench.testing import check_agent
from tests.helpers.studies import finished

GRID = "SmileGridGoal-v0"
SLOTS = 4


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of a training."""

    family: str
    seed: int = 0
    iterations: int = 20


class Walker:
    """Knows where moves lead; makes the one that leads to the most shown neighbour."""

    name = "walker"

    def __init__(self, config: Config, led: FloatArray, recipe: Mapping[str, Any]) -> None:
        self.config, self.led, self.recipe = config, led, recipe

    def adapt(self, contexts: Sequence[Context]) -> Policy:
        require_family(contexts, self.config.family)
        shown = [context.observations[..., :-1].sum((0, 1)) for context in contexts]
        leads = self.led / np.maximum(self.led.sum(-1, keepdims=True), 1.0)
        values = np.stack(shown)
        for _ in range(10):  # Cells from which shown ones are reached have value, too.
            moves = np.einsum("sat,nt->nsa", leads, values)
            values = np.stack(shown) + 0.9 * moves.max(-1)
        return Policy(moves)

    def save(self, path: Path) -> None:
        stored = {"config": asdict(self.config), "led": self.led.tolist(), "recipe": self.recipe}
        path.write_text(json.dumps(stored))

    @classmethod
    def read(cls, path: Path) -> Walker:
        stored = json.loads(path.read_text())
        return cls(Config(**stored["config"]), np.array(stored["led"]), stored["recipe"])


class Policy:
    def __init__(self, values: FloatArray) -> None:
        self.values = values

    def act(self, observations: FloatArray) -> IntArray:
        cells = observations[:, :-1].argmax(axis=1)
        chosen: IntArray = self.values[np.arange(len(cells)), cells].argmax(axis=1)
        return chosen


class Trainer:
    """Makes random moves in a few environments, an episode an iteration."""

    def __init__(self, config: Config, access: Access, device: object) -> None:
        self.config, self.access, self.iteration = config, access, 0
        self.environments = access.environments(np.arange(SLOTS), threads=1)
        self.rng = np.random.default_rng(config.seed)
        family = access.family
        cells = family.observation_size - 1
        self.led = np.zeros((cells, family.action_size, cells))

    @property
    def settings(self) -> dict[str, Any]:
        return asdict(self.config)

    @property
    def iterations(self) -> int:
        return self.config.iterations

    def step(self) -> dict[str, float]:
        environments, family = self.environments, self.access.family
        environments.reset(self.rng)
        while not environments.ended.any():
            before = environments.observe()[:, :-1].argmax(1)
            moves = family.random_actions(self.rng, SLOTS).astype(np.float32)
            after = environments.step(moves)[:, :-1].argmax(1)
            np.add.at(self.led, (before, moves.argmax(1), after), 1.0)
        self.iteration += 1
        coverage = self.access.coverage
        assert coverage is not None
        return {"charts/coverage": coverage.share}

    def agent(self, recipe: Mapping[str, Any]) -> Walker:
        used = {"settings": self.settings, "access": asdict(self.access.counts)}
        return Walker(self.config, self.led, {**recipe, **used})

    def state_dict(self) -> dict[str, Any]:
        return {
            "iteration": self.iteration,
            "led": self.led,
            "rng": self.rng.bit_generator.state,
            "access": self.access.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.iteration, self.led = state["iteration"], state["led"]
        self.rng.bit_generator.state = state["rng"]
        self.access.restore(state["access"])


def preset(family: str, seed: int) -> Config:
    return Config(family=family, seed=seed)


def short(config: Config) -> Config:
    """Too little to reach every cell."""
    return replace(config, iterations=2)


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The agent, registered for one test."""
    monkeypatch.setattr(registry, "_registered", {})
    training = TrainingSpec(track="unsupervised", preset=preset, trainer=Trainer)
    spec = AgentSpec(
        name="walker",
        summary="walks about, then follows what it is shown",
        read=Walker.read,
        weights=tmp_path / "weights",
        training=training,
    )
    return register_agent(spec).name


def test_the_command_trains_it_without_demonstrations(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    command = [
        "train",
        "--agent",
        name,
        "--family",
        GRID,
        "--seed",
        "5",
        "--directory",
        str(folder),
    ]
    assert main(command) == 0
    recipe = load_agent(name, GRID).recipe  # type: ignore[union-attr]
    assert recipe["track"] == "unsupervised"
    assert "condition" not in recipe
    horizon = get_family(GRID).horizon
    expected = {"demonstrations": 0, "env_steps": 20 * SLOTS * horizon, "expert_queries": 0}
    assert {key: recipe["access"][key] for key in expected} == expected
    last = (folder / "progress.csv").read_text().splitlines()[-1]
    assert float(last.split(",")[-1]) == recipe["coverage"]["share"] > 0.3


def test_a_condition_is_refused_by_the_command(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "--agent", name, "--family", GRID, "--directory", str(tmp_path / "x")]
    assert main([*command, "--demonstrations", "4"]) == 2
    assert "on the unsupervised track it gets none" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"'8 tasks' was given\. Leave it out"):
        train_agent(name, GRID, tmp_path / "y", tasks=8)


def test_a_resumed_training_has_the_same_coverage(name: str, tmp_path: Path) -> None:
    how: dict[str, Any] = {"seed": 1, "configure": short}
    whole = train_agent(name, GRID, tmp_path / "whole", **how)
    assert train_agent(name, GRID, tmp_path / "cut", **how, stop_after=1) is None
    resumed = train_agent(name, GRID, tmp_path / "cut", **how)
    assert whole is not None
    assert resumed is not None
    recipes = [Walker.read(path).recipe for path in (whole, resumed)]
    for key in ("coverage", "access", "track"):
        assert recipes[0][key] == recipes[1][key]


def test_each_of_several_seeds_states_its_own_coverage(name: str, tmp_path: Path) -> None:
    paths = train_agent(name, GRID, tmp_path, seeds=[0, 1, 2], configure=short).paths
    recipes = [Walker.read(path).recipe for path in paths.values()]
    alone = train_agent(name, GRID, tmp_path / "alone", seed=1, configure=short)
    assert alone is not None
    assert recipes[1]["coverage"] == Walker.read(alone).recipe["coverage"]
    assert len({recipe["coverage"]["reached"] for recipe in recipes}) > 1


def test_it_is_checked_evaluated_and_becomes_an_entry(name: str, tmp_path: Path) -> None:
    train_agent(name, GRID, tmp_path / "weights")
    agent = load_agent(name, GRID)
    check_agent(agent, GRID)  # type: ignore[arg-type]
    result = smile_bench.evaluate(agent, GRID)
    assert result.score > 0.2  # It follows what it is shown.
    result.save(tmp_path / "results")
    folder = tmp_path / "entries" / "walker"
    path = draft_entry(
        folder, found_results([tmp_path / "results"]), Statements(title="Walker", authors=["A"])
    )
    card = json.loads(path.read_text())
    assert (card["track"], card["demonstrations"]) == ("unsupervised", {GRID: 0})
    check_entry(read_entry(folder))


STUDY = f"""
name = "walkers"
seeds = "0-1"
[[cells]]
families = ["{GRID}"]
agents = ["walker"]
conditions = ["CONDITION"]
"""


def test_a_study_has_it_with_the_canonical_condition_alone(name: str, tmp_path: Path) -> None:
    text = STUDY.replace("CONDITION", "canonical")
    (one,) = read_cells(finished(tmp_path / "study", text))
    assert (one.cell.agent, one.seeds) == (name, (0, 1))
    with pytest.raises(SmileError, match=r"walker learns without demonstrations.*got '8 tasks'"):
        finished(tmp_path / "other", STUDY.replace("CONDITION", "8 tasks"))
