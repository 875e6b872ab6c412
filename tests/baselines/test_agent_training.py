"""One surface for every agent that is trained: by name, from Python and from the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from smile_bench import baselines
from smile_bench.access import Access
from smile_bench.baselines import agent_training
from smile_bench.baselines.agent_training import TRAININGS, Trainable, train, train_agent
from smile_bench.baselines.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.baselines.encoder import EncoderConfig
from smile_bench.baselines.imitator import Imitator
from smile_bench.baselines.meta_bc import MetaBCConfig, MetaBCTraining
from smile_bench.baselines.meta_dagger import MetaDAggerConfig, MetaDAggerTraining
from smile_bench.baselines.smile import SMILe
from smile_bench.baselines.smile_config import preset
from smile_bench.baselines.tabular_smile import TabularSmileConfig
from smile_bench.baselines.training import run
from smile_bench.cli import main
from smile_bench.errors import InputError, UnknownNameError
from tests import synthetic

FAMILY, GRID = synthetic.FAMILY, "SmileGridGoal-v0"
SMALL: dict[str, Any] = {
    "hidden": (8, 8),
    "encoder": EncoderConfig(hidden=8, pooled=8, code=4),
    "tasks_per_batch": 2,
    "validate_every": 2,
}
CLONING: dict[str, Any] = {**SMALL, "updates": 4, "updates_per_iteration": 2, "states_per_task": 4}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two iterations of every training."""

    def meta_bc(access: Access, seed: int) -> MetaBCTraining:
        return MetaBCTraining(MetaBCConfig(family=access.family.id, seed=seed, **CLONING), access)

    def meta_dagger(access: Access, seed: int) -> MetaDAggerTraining:
        config = MetaDAggerConfig(family=access.family.id, seed=seed, warm_up=1, **CLONING)
        return MetaDAggerTraining(config, access)

    def smile(name: str) -> Any:
        def make(access: Access, seed: int) -> SMILe:
            config = preset(name, access.family.id, seed)
            small = {"iterations": 2, "updates": 2, "steps": 2, "discriminator_hidden": (8, 8)}
            encoder = replace(config.encoder, hidden=8, pooled=8, code=4)
            return SMILe(replace(config, **{**SMALL, **small, "encoder": encoder}), access)

        return make

    made = {"meta-bc": meta_bc, "meta-dagger": meta_dagger}
    for name, trainable in TRAININGS.items():
        if trainable.make is not None:
            make = made.get(name) or smile(name)
            monkeypatch.setitem(TRAININGS, name, replace(trainable, make=make))


NAMES = [name for name, trainable in TRAININGS.items() if trainable.make is not None]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", NAMES)
def test_every_agent_is_trained_by_name(name: str, tmp_path: Path) -> None:
    path = train_agent(name, FAMILY, tmp_path, seed=3)
    assert path == tmp_path / f"{FAMILY}.safetensors"
    agent = Imitator.load(path)
    assert (agent.name, agent.config.family) == (name, FAMILY)
    assert agent.state_only is name.endswith("state-only")
    recipe = agent.recipe
    assert recipe["command"] == f"smile-bench train --agent {name} --family {FAMILY} --seed 3"
    assert (recipe["seed"], recipe["settings"]["seed"]) == (3, 3)
    assert recipe["track"] == TRAININGS[name].track
    assert {"seconds", "machine", "processor"} <= set(recipe)
    assert {"torch", "numpy", "mujoco"} <= set(recipe["versions"])
    used = recipe["access"]
    assert used["demonstrations"] == 32 * 16
    assert (used["env_steps"] > 0) is (recipe["track"] != "offline")
    assert (used["expert_queries"] > 0) is (recipe["track"] == "expert-queries")
    assert used["validation_env_steps"] == 8 * 100


@pytest.mark.usefixtures("tiny")
def test_an_access_shows_afterwards_what_was_used(tmp_path: Path) -> None:
    access = Access(FAMILY, track="offline", dataset=synthetic.dataset())
    assert train("meta-bc", access, tmp_path, stop_after=1) is None
    again = Access(FAMILY, track="offline", dataset=synthetic.dataset())
    path = train("meta-bc", again, tmp_path)
    assert path is not None
    assert again.counts.demonstrations == 12
    assert again.counts.validation_env_steps == 3 * 100
    assert Imitator.load(path).recipe["access"] == vars(again.counts)
    assert baselines.train is train


def test_tabular_smile_states_its_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        agent_training,
        "TabularSmileConfig",
        lambda **settings: TabularSmileConfig(iterations=2, **settings),
    )
    path = train_agent("tabular-smile", GRID, tmp_path, seed=1)
    assert path is not None
    with safe_open(path, framework="numpy") as file:
        recipe = json.loads(file.metadata()["recipe"])
    assert recipe["track"] == "offline"
    assert recipe["access"]["demonstrations"] == 64 * 16
    assert recipe["settings"] == vars(TabularSmileConfig(family=GRID, seed=1, iterations=2))


def test_what_an_agent_may_not_have_is_refused(tmp_path: Path) -> None:
    offline = Access(FAMILY, track="offline", dataset=synthetic.dataset())
    for name, message in (
        ("smile", "offline track has no environments"),
        ("smile-state-only", "do not fit an access"),
        ("meta-dagger", "expert-queries"),
    ):
        with pytest.raises(InputError, match=message):
            train(name, offline, tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'meta-dagger'"):
        train("metadagger", offline, tmp_path)
    with pytest.raises(UnknownNameError, match="unknown family"):
        train_agent("meta-bc", "SmileAnt-v0", tmp_path)
    with pytest.raises(InputError, match="no settings for SmileGridGoal"):
        train_agent("smile", GRID, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("tiny")
def test_the_command_trains_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--agent", "meta-bc", "--family", FAMILY, "--directory", str(tmp_path)]
    assert main(arguments) == 0
    assert f"wrote {tmp_path / FAMILY}.safetensors" in capsys.readouterr().out


class Sparse:
    """Logs a score at every third iteration only."""

    iterations = 7

    def __init__(self) -> None:
        self.iteration = 0
        self.settings: Mapping[str, Any] = {}

    def step(self) -> dict[str, float]:
        self.iteration += 1
        scored = self.iteration % 3 == 0
        log = {"losses/x": 1.0 / self.iteration}
        return log | ({"validation/score": float(self.iteration)} if scored else {})

    def save(self, path: Path) -> None:
        save_checkpoint(path, {}, {"config": {}, "iteration": self.iteration})

    def load(self, path: Path) -> None:
        self.iteration = load_checkpoint(path)[1]["iteration"]


def test_columns_may_be_missing_in_some_iterations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, str]] = []

    class Bar:
        def __init__(self, **_: Any) -> None: ...
        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None: ...
        def update(self) -> None: ...
        def set_postfix(self, values: Mapping[str, str]) -> None:
            shown.append(dict(values))

    monkeypatch.setattr("smile_bench.baselines.training.tqdm", Bar)
    for stop in (1, 4, None):
        run(Sparse(), tmp_path, stop_after=stop)
    with (tmp_path / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == [*"1234567"]
    scores = [row["validation/score"] for row in rows]
    assert scores == ["", "", "3.0", "", "", "6.0", ""]
    # The last score stays on the bar.
    assert [values.get("score") for values in shown] == [None, None, "3", "3", None, "6", "6"]


def test_a_trainable_makes_the_least_access() -> None:
    access = Trainable(track="interactive", state_only=True).access(FAMILY)
    assert (access.track, access.state_only) == ("interactive", True)
