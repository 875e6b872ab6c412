"""An agent that a user adds: declared, trained, interrupted, resumed, loaded and evaluated."""

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
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines import (
    AgentSpec,
    TrainingSpec,
    load_agent,
    register_agent,
    registry,
    train_agent,
)
from smile_bench.datasets import Context
from smile_bench.envs import get_family
from smile_bench.errors import AgentError, CheckpointError, InputError, UnknownNameError

GRID = "SmileGridGoal-v0"
CELLS = slice(0, -1)
"""Columns of an observation that say which cell the agent is in."""
WHOLE = {"demonstrations": 64 * 16, "env_steps": 0, "expert_queries": 0}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of a training."""

    family: str
    seed: int = 0
    iterations: int = 4
    tasks_per_iteration: int = 8


class MoveByCell:
    """In each cell, makes the move that the context makes most often there; else a common one."""

    name = "move-by-cell"

    def __init__(self, config: Config, counts: FloatArray, recipe: Mapping[str, Any]) -> None:
        self.config, self.counts, self.recipe = config, counts, recipe

    def adapt(self, contexts: Sequence[Context]) -> Policy:
        moves = []
        for context in contexts:
            assert context.actions is not None
            shown = np.einsum("dts,dta->sa", context.observations[..., CELLS], context.actions)
            # The context outweighs what was seen in training, which decides elsewhere.
            moves.append(shown + self.counts / (1.0 + self.counts.sum()))
        return Policy(np.stack(moves))

    def save(self, path: Path) -> None:
        stored = {"config": asdict(self.config), "counts": self.counts.tolist()}
        path.write_text(json.dumps({**stored, "recipe": self.recipe}))

    @classmethod
    def read(cls, path: Path) -> MoveByCell:
        stored = json.loads(path.read_text())
        return cls(Config(**stored["config"]), np.array(stored["counts"]), stored["recipe"])


class Policy:
    def __init__(self, moves: FloatArray) -> None:
        self.moves = moves

    def act(self, observations: FloatArray) -> IntArray:
        scores = np.einsum("bs,bsa->ba", observations[:, CELLS], self.moves)
        chosen: IntArray = scores.argmax(axis=1)
        return chosen


class Trainer:
    """Counts the moves of a sample of the tasks in every iteration."""

    def __init__(self, config: Config, access: Access, device: object) -> None:
        self.config, self.access, self.iteration = config, access, 0
        self.demonstrations = access.demonstrations()
        self.rng = np.random.default_rng(config.seed)
        cells = access.family.observation_size - 1
        self.counts = np.zeros((cells, access.family.action_size))

    @property
    def settings(self) -> dict[str, Any]:
        return asdict(self.config)

    @property
    def iterations(self) -> int:
        return self.config.iterations

    def step(self) -> dict[str, float]:
        shown = self.demonstrations
        tasks = self.rng.integers(len(shown.observations), size=self.config.tasks_per_iteration)
        assert shown.actions is not None
        pairs = shown.observations[tasks][..., CELLS], shown.actions[tasks]
        self.counts += np.einsum("ndts,ndta->sa", *pairs)
        self.iteration += 1
        return {"charts/moves": float(self.counts.sum())}

    def agent(self, recipe: Mapping[str, Any]) -> MoveByCell:
        used = {"settings": self.settings, "access": asdict(self.access.counts)}
        return MoveByCell(self.config, self.counts, {**recipe, **used})

    def state_dict(self) -> dict[str, Any]:
        rng = self.rng.bit_generator.state
        return {"iteration": self.iteration, "counts": self.counts, "rng": rng}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.iteration, self.counts = state["iteration"], state["counts"]
        self.rng.bit_generator.state = state["rng"]


def preset(family: str, seed: int) -> Config:
    return Config(family=family, seed=seed)


SPEC = AgentSpec(
    name="move-by-cell",
    summary="makes the move that demonstrations make most often in a cell",
    read=MoveByCell.read,
    training=TrainingSpec(track="offline", preset=preset, trainer=Trainer),
)


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_registered", {})


def test_it_is_trained_interrupted_and_resumed_to_the_same_weights(tmp_path: Path) -> None:
    register_agent(SPEC)
    whole = train_agent(SPEC.name, GRID, tmp_path / "whole", seed=3)
    assert whole == tmp_path / "whole" / f"{GRID}.safetensors"
    for stop in (1, 3):
        assert train_agent(SPEC.name, GRID, tmp_path / "cut", seed=3, stop_after=stop) is None
    resumed = train_agent(SPEC.name, GRID, tmp_path / "cut", seed=3)
    assert resumed is not None
    agents = [MoveByCell.read(path) for path in (whole, resumed)]
    np.testing.assert_array_equal(agents[0].counts, agents[1].counts)
    assert agents[0].counts.sum() == 4 * 8 * 16 * 20
    other = train_agent(SPEC.name, GRID, tmp_path / "other", seed=4)
    assert other is not None
    assert (MoveByCell.read(other).counts != agents[0].counts).any()
    for agent in agents:
        recipe = agent.recipe
        assert (
            recipe["command"] == f"smile-bench train --agent {SPEC.name} --family {GRID} --seed 3"
        )
        assert (recipe["track"], recipe["seed"], recipe["device"]) == ("offline", 3, "cpu")
        assert {name: recipe["access"][name] for name in WHOLE} == WHOLE
    log = (tmp_path / "cut" / "progress.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in log] == ["iteration", *"1234"]


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    register_agent(SPEC)
    train_agent(SPEC.name, GRID, tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match="iterations: 4 stored, 9 given"):
        train_agent(
            SPEC.name, GRID, tmp_path, configure=lambda config: replace(config, iterations=9)
        )
    with pytest.raises(CheckpointError, match="subset: None stored"):
        train_agent(SPEC.name, GRID, tmp_path, demonstrations=2)


def test_its_weights_are_read_and_evaluated(tmp_path: Path) -> None:
    register_agent(replace(SPEC, weights=tmp_path))
    with pytest.raises(AgentError, match=f"smile-bench train --agent {SPEC.name} --family {GRID}"):
        load_agent(SPEC.name, GRID)
    train_agent(SPEC.name, GRID, tmp_path)
    agent = load_agent(SPEC.name, GRID)
    assert isinstance(agent, MoveByCell)
    result = smile_bench.evaluate(agent, GRID)
    assert result.agent == SPEC.name
    assert result.training == agent.recipe
    # Copying moves by cell is far better than ignoring the task, and worse than the expert.
    assert 0.2 < result.score < 0.9
    result.save(tmp_path / "result")
    assert smile_bench.read_result(tmp_path / "result").score == result.score


def test_weights_of_another_agent_are_refused(tmp_path: Path) -> None:
    register_agent(replace(SPEC, weights=tmp_path))
    register_agent(replace(SPEC, name="other", weights=tmp_path))
    train_agent(SPEC.name, GRID, tmp_path)
    with pytest.raises(AgentError, match=f"holds move-by-cell for {GRID}, not other for {GRID}"):
        load_agent("other", GRID)


class RewardedTrainer(Trainer):
    """Also acts in an iteration, and counts what the reward of the task praises."""

    def __init__(self, config: Config, access: Access, device: object) -> None:
        super().__init__(config, access, device)
        self.environments = access.environments(np.arange(access.tasks()), threads=1)

    def step(self) -> dict[str, float]:
        environments, actions = self.environments, self.access.family.action_size
        environments.reset(self.rng)
        before = environments.observe()[:, CELLS]
        moves = np.eye(actions, dtype=np.float32)[
            self.rng.integers(actions, size=len(environments.tasks))
        ]
        environments.step(moves)
        gains = np.maximum(environments.rewards, 0.0)
        self.counts += np.einsum("ns,n,na->sa", before, gains, moves)
        return super().step()


def test_a_training_on_the_rewards_track_sees_rewards_and_its_result_says_so(
    tmp_path: Path,
) -> None:
    training = TrainingSpec(track="rewards", preset=preset, trainer=RewardedTrainer)
    register_agent(replace(SPEC, training=training, weights=tmp_path))
    train_agent(SPEC.name, GRID, tmp_path)
    agent = load_agent(SPEC.name, GRID)
    assert isinstance(agent, MoveByCell)
    shown = 4 * 8 * 16 * 20
    assert agent.counts.sum() > shown  # Some moves were praised.
    smile_bench.evaluate(agent, GRID).save(tmp_path / "result")
    stated = smile_bench.read_result(tmp_path / "result").training
    assert stated is not None
    assert (stated["track"], stated["access"]["env_steps"]) == ("rewards", 4 * 64)
    reward_free = TrainingSpec(track="interactive", preset=preset, trainer=RewardedTrainer)
    register_agent(replace(SPEC, name="denied", training=reward_free))
    with pytest.raises(InputError, match="these environments are reward-free"):
        train_agent("denied", GRID, tmp_path / "denied")


class Unnamed:
    def adapt(self, contexts: object) -> object:
        return self


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"load": lambda family: None}, "makes NoneType, which has no method adapt"),
        ({"load": get_family}, "makes GridGoal, which has no method adapt"),
        ({"read": lambda path: object()}, "makes object, which has no method adapt"),
        ({"read": lambda path: Unnamed()}, r"does not say what it is .* name and config\.family"),
    ],
)
def test_what_its_functions_return_is_checked(
    parts: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / f"{GRID}.safetensors").write_text("")
    spec = AgentSpec(name="odd", summary="is not an agent", weights=tmp_path, **parts)
    with pytest.raises(AgentError, match=message):
        spec.make(GRID)


@pytest.mark.parametrize(
    "path", ["nowhere", "nowhere.to:find", "smile_bench.nowhere:make", "smile_bench:nowhere", "a b"]
)
def test_a_path_that_leads_nowhere_is_named(path: str, tmp_path: Path) -> None:
    message = f"names '{path}', which cannot be imported.*package\\.module:name"
    with pytest.raises(AgentError, match=message):
        AgentSpec(name="odd", summary="…", load=path).make(GRID)
    for changed in ({"preset": path}, {"trainer": path}):
        assert SPEC.training is not None
        training = replace(SPEC.training, **changed)  # type: ignore[arg-type]
        register_agent(replace(SPEC, name=f"odd-{next(iter(changed))}", training=training))
        with pytest.raises(AgentError, match=message):
            train_agent(f"odd-{next(iter(changed))}", GRID, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "../up", "a/b", "my agent", "pkg:make", "-x", "é", "a\n"])
def test_a_name_that_cannot_name_a_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of an agent"):
        replace(SPEC, name=name)


def test_an_agent_without_a_training_cannot_be_trained(tmp_path: Path) -> None:
    register_agent(replace(SPEC, training=None))
    with pytest.raises(UnknownNameError, match="unknown trainable agent 'move-by-cell'"):
        train_agent(SPEC.name, GRID, tmp_path)
