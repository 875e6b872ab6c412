"""One surface for every agent that is trained: by name, from Python and from the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from smile_bench import baselines
from smile_bench.access import Access
from smile_bench.baselines import agent_training
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.baselines.meta_bc.presets import MEMBERS, members
from smile_bench.baselines.meta_bc.training import MetaBC, MetaBCConfig
from smile_bench.baselines.meta_dagger.training import MetaDAgger, MetaDAggerConfig
from smile_bench.baselines.smile.presets import preset
from smile_bench.baselines.smile.training import SMILe
from smile_bench.baselines.tabular_irl.smile import TabularSmileConfig
from smile_bench.baselines.training import TRAININGS, Trainable, train, train_agent
from smile_bench.cli.main import main
from smile_bench.errors import CheckpointError, InputError, UnknownNameError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.devices import find_device
from smile_bench.learning.loop import run
from tests.helpers import synthetic
from tests.helpers.stand_in import ELSEWHERE, stand_in_device

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

    def meta_bc(access: Access, seed: int, device: torch.device) -> MetaBC:
        config = MetaBCConfig(family=access.family.id, seed=seed, **CLONING)
        return MetaBC(config, access, device)

    def meta_dagger(access: Access, seed: int, device: torch.device) -> MetaDAgger:
        config = MetaDAggerConfig(family=access.family.id, seed=seed, warm_up=1, **CLONING)
        return MetaDAgger(config, access, device)

    def smile(name: str) -> Any:
        def make(access: Access, seed: int, device: torch.device) -> SMILe:
            config = preset(name, access.family.id, seed)
            small = {"iterations": 2, "updates": 2, "steps": 2, "discriminator_hidden": (8, 8)}
            encoder = replace(config.encoder, hidden=8, pooled=8, code=4)
            return SMILe(replace(config, **{**SMALL, **small, "encoder": encoder}), access, device)

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
    assert (recipe["track"], recipe["device"]) == (TRAININGS[name].track, "cpu")
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


@pytest.mark.parametrize("name", NAMES)
def test_all_members_are_trained_through_one_access(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int, Access, torch.device]] = []
    trainings: list[MetaBC] = []

    def record(config: Any, access: Access, device: torch.device, beside: Any = None) -> Any:
        sharing = getattr(config, "shared", False) and made
        assert beside is (trainings[-len(made)] if sharing else None)
        made.append((config.seed, config.validate_every, access, device))
        settings = MetaBCConfig(family=access.family.id, seed=config.seed, **CLONING)
        trainings.append(MetaBC(settings, access))
        return trainings[-1]

    for kind in ("SMILe", "MetaBC", "MetaDAgger"):
        monkeypatch.setattr(agent_training, kind, record)
    make = TRAININGS[name].make
    assert make is not None
    monkeypatch.setitem(MEMBERS, (name, "SmileWalkerDynamics-v0"), 3)
    for family, number in (("SmileWalkerDynamics-v0", 3), (FAMILY, members(name, FAMILY))):
        made.clear()
        data = synthetic.dataset() if family == FAMILY else None
        access = Access(family, track="offline", dataset=data)
        training = make(access, 5, ELSEWHERE)
        seeds, validating, accesses, devices = zip(*made, strict=True)
        assert seeds == tuple(range(5 * number, 6 * number))
        assert set(accesses) == {access}
        assert set(devices) == {ELSEWHERE}
        assert all(every > 0 for every in validating) is (number == 1)
        assert training.settings["seed"] == 5
        assert training.settings.get("members", 1) == number


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in device is there, under the name of the first GPU."""

    def found(name: str) -> torch.device:
        return ELSEWHERE if name == "cuda:0" else find_device(name)

    monkeypatch.setattr(agent_training, "find_device", found)
    monkeypatch.setattr(agent_training, "describe", str)
    with stand_in_device():
        yield


def trained(
    name: str, directory: Path, device: str = "cpu", stop_after: int | None = None
) -> dict[str, torch.Tensor]:
    """The weights that a training on synthetic demonstrations reaches; none if it is stopped."""
    track, state_only = TRAININGS[name].track, TRAININGS[name].state_only
    access = Access(FAMILY, track=track, state_only=state_only, dataset=synthetic.dataset())
    path = train(name, access, directory, device=device, stop_after=stop_after)
    return {} if path is None else load_file(path)


@pytest.mark.usefixtures("tiny", "elsewhere")
@pytest.mark.parametrize("name", NAMES)
def test_on_another_device_an_agent_is_trained_to_the_same_weights(
    name: str, tmp_path: Path
) -> None:
    here, there = trained(name, tmp_path / "a"), trained(name, tmp_path / "b", "cuda:0")
    assert all(torch.equal(value, there[key]) for key, value in here.items())
    recipe = Imitator.load(tmp_path / "b" / f"{FAMILY}.safetensors").recipe
    assert recipe["device"] == str(ELSEWHERE)
    assert recipe["command"].endswith("--seed 0 --device cuda:0")


@pytest.mark.usefixtures("tiny", "elsewhere")
@pytest.mark.parametrize("devices", [("cpu", "cuda:0"), ("cuda:0", "cpu")])
def test_a_training_goes_on_on_another_device(devices: tuple[str, str], tmp_path: Path) -> None:
    whole, (first, second) = trained("meta-bc", tmp_path / "whole"), devices
    assert not trained("meta-bc", tmp_path / "moved", first, stop_after=1)
    moved = trained("meta-bc", tmp_path / "moved", second)
    assert all(torch.equal(value, moved[key]) for key, value in whole.items())


@pytest.mark.usefixtures("elsewhere")
def test_tabular_smile_has_no_device(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tabular-smile is trained on the CPU alone"):
        train_agent("tabular-smile", GRID, tmp_path, device="cuda:0")


@pytest.mark.parametrize(
    ("device", "message"), [("gpu", "no device is called 'gpu'"), ("cuda:99", "is not available")]
)
def test_a_device_that_is_not_there_is_refused(device: str, message: str, tmp_path: Path) -> None:
    for name, family in (("meta-bc", FAMILY), ("smile", FAMILY), ("tabular-smile", GRID)):
        with pytest.raises(InputError, match=message):
            train_agent(name, family, tmp_path, device=device)
    assert not list(tmp_path.iterdir())


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
    assert (recipe["track"], recipe["device"]) == ("offline", "cpu")
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

    monkeypatch.setattr("smile_bench.learning.loop.tqdm", Bar)
    for stop in (1, 4, None):
        run(Sparse(), tmp_path, stop_after=stop)
    with (tmp_path / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == [*"1234567"]
    scores = [row["validation/score"] for row in rows]
    assert scores == ["", "", "3.0", "", "", "6.0", ""]
    # The last score stays on the bar.
    assert [values.get("score") for values in shown] == [None, None, "3", "3", None, "6", "6"]


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    class Other(Sparse):
        def load(self, path: Path) -> None:
            torch.nn.Linear(2, 1).load_state_dict(load_checkpoint(path)[0])

    run(Sparse(), tmp_path, stop_after=1)
    stored = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match="not its networks, as another version"):
        run(Other(), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == stored


def test_a_trainable_makes_the_least_access() -> None:
    access = Trainable(track="interactive", state_only=True).access(FAMILY)
    assert (access.track, access.state_only) == ("interactive", True)
