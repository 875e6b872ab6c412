"""One function for every agent that is trained: by name, from Python."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from smile_bench import baselines
from smile_bench.access import Access
from smile_bench.baselines import all_agents, registry
from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.baselines.tabular_irl.smile import TabularSmileConfig
from smile_bench.baselines.training import train, train_agent, trainable_agents
from smile_bench.errors import InputError, UnknownNameError
from smile_bench.learning import devices
from smile_bench.learning.compute import Compute
from smile_bench.learning.devices import find_device
from smile_bench.tracks import TRACKS
from tests.helpers import synthetic
from tests.helpers.tiny import access_for, config_for, shrink

FAMILY, GRID = synthetic.FAMILY, "SmileGridGoal-v0"
NAMES = [
    name
    for name, spec in trainable_agents().items()
    if not spec.grid_only
    and spec.training is not None
    and TRACKS[spec.training.track].demonstrations
]
"""Those without demonstrations are in ``unsupervised``."""


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two iterations of every training."""

    def small(name: str) -> Any:
        return lambda family, seed: config_for(name, family, seed)

    made = {}
    for name, spec in all_agents().items():
        if name in NAMES:
            assert spec.training is not None
            spec = replace(spec, training=replace(spec.training, preset=small(name)))
        made[name] = spec
    monkeypatch.setattr(registry, "_shipped", lambda: made)
    shrink(monkeypatch)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", NAMES)
def test_every_agent_is_trained_by_name(name: str, tmp_path: Path) -> None:
    path = train_agent(name, FAMILY, tmp_path, seed=3)
    assert path == tmp_path / f"{FAMILY}.safetensors"
    agent = Imitator.load(path)
    assert (agent.name, agent.config.family) == (name, FAMILY)
    assert agent.state_only is name.endswith("state-only")
    recipe, training = agent.recipe, all_agents()[name].training
    assert training is not None
    assert recipe["command"] == f"smile-bench train --agent {name} --family {FAMILY} --seed 3"
    assert (recipe["seed"], recipe["settings"]["seed"]) == (3, 3)
    assert (recipe["track"], recipe["device"]) == (training.track, "cpu")
    assert {"seconds", "cpu_seconds", "machine", "processor"} <= set(recipe)
    assert {"torch", "numpy", "mujoco"} <= set(recipe["versions"])
    used = recipe["access"]
    assert used["demonstrations"] == 32 * 16
    assert (used["env_steps"] > 0) is (recipe["track"] != "offline")
    assert (used["expert_queries"] > 0) is (recipe["track"] == "expert-queries")
    assert used["validation_env_steps"] == 8 * 100


@pytest.mark.usefixtures("tiny")
def test_a_configuration_may_be_changed(tmp_path: Path) -> None:
    path = train_agent(
        "meta-bc",
        FAMILY,
        tmp_path,
        configure=lambda config: replace(config, learning_rate=0.5, members=2),
        settings={"learning_rate": "0.5", "members": "2"},
    )
    assert path is not None
    agent = Imitator.load(path)
    assert len(agent.members) == 2
    assert agent.recipe["settings"]["learning_rate"] == 0.5
    assert agent.recipe["command"].endswith("--set learning_rate=0.5 --set members=2")


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


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", NAMES)
def test_all_members_are_trained_through_one_access(name: str) -> None:
    accesses = [access_for(name), access_for(name)]
    training = all_agents()[name].training
    assert training is not None
    configs = [replace(config_for(name, seed=seed), members=3) for seed in (5, 2)]
    made = training.make_trainings(configs, accesses, Compute())
    assert made.members == 3
    assert made.seeds == [15, 16, 17, 6, 7, 8]
    assert made.accesses == accesses
    assert made.validate_every == 2
    assert [(own["seed"], own["members"]) for own in made.settings] == [(5, 3), (2, 3)]
    for index in (0, 1):
        agent = made.agent(index, {})
        assert (agent.name, len(agent.members)) == (name, 3)


def test_the_library_leaves_torch_s_threads_alone(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train_agent("tabular-smile", GRID, tmp_path, stop_after=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def trained(
    name: str, directory: Path, device: str = "cpu", stop_after: int | None = None
) -> Imitator | None:
    """What a training on synthetic demonstrations reaches; None if it is stopped."""
    path = train(name, access_for(name), directory, device=device, stop_after=stop_after)
    return None if path is None else Imitator.load(path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", [("cpu", "cuda:0"), ("cuda:0", "cpu"), ("cuda:0", "cuda:0")])
def test_a_training_continues_on_another_device(
    order: tuple[str, str], name: str, tmp_path: Path
) -> None:
    first, second = order
    assert trained(name, tmp_path, first, stop_after=1) is None
    agent = trained(name, tmp_path, second)
    assert agent is not None
    assert agent.recipe["device"].startswith(second)
    command = agent.recipe["command"]
    assert command.endswith("--seed 0 --device cuda:0" if second == "cuda:0" else "--seed 0")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a GPU, on which nothing can be computed."""

    def found(name: str) -> torch.device:
        return torch.device("meta") if name == "cuda:0" else find_device(name)

    monkeypatch.setattr(devices, "find_device", found)


@pytest.mark.usefixtures("elsewhere")
def test_tabular_smile_has_no_device(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tabular-smile is trained on the CPU"):
        train_agent("tabular-smile", GRID, tmp_path, device="cuda:0")


@pytest.mark.parametrize(
    ("device", "message"), [("gpu", "no device is called 'gpu'"), ("cuda:99", "is not available")]
)
def test_a_device_that_is_not_there_is_refused(device: str, message: str, tmp_path: Path) -> None:
    for name, family in (("meta-bc", FAMILY), ("smile", FAMILY), ("tabular-smile", GRID)):
        with pytest.raises(InputError, match=message):
            train_agent(name, family, tmp_path, device=device)
    assert not list(tmp_path.iterdir())


def test_tabular_smile_states_its_recipe(tmp_path: Path) -> None:
    path = train_agent(
        "tabular-smile", GRID, tmp_path, seed=1, configure=lambda c: replace(c, iterations=2)
    )
    assert path is not None
    with safe_open(path, framework="numpy") as file:
        recipe = json.loads(file.metadata()["recipe"])
    assert (recipe["track"], recipe["device"]) == ("offline", "cpu")
    assert recipe["access"]["demonstrations"] == 64 * 16
    assert recipe["settings"] == vars(TabularSmileConfig(family=GRID, seed=1, iterations=2))


def test_an_access_that_is_not_enough_is_refused(tmp_path: Path) -> None:
    offline = Access(FAMILY, track="offline", dataset=synthetic.dataset())
    for name, message in (
        ("smile", "offline track has no environments"),
        ("smile-state-only", "give both alike"),
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
