"""The one table of agents, and agents that are registered from outside."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import smile_bench
from smile_bench.agents import Agent
from smile_bench.baselines import (
    AgentSpec,
    TrainingSpec,
    all_agents,
    get_agent,
    load_agent,
    register_agent,
    registry,
)
from smile_bench.baselines.registry import weights_path
from smile_bench.errors import AgentError, InputError, UnknownNameError

FAMILY, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"
NAMES = (
    "pretrain-fine-tune",
    "demonstrations-in-replay",
    "hybrid-loss",
    "sac-from-nothing",
    "embedding-search",
    "off-policy-policy-gradient",
    "meta-bc",
    "meta-dagger",
    "expert",
    "task-blind",
    "retrieve-and-play",
    "smile",
    "smile-state-only",
    "smile-paper",
    "smile-paper-state-only",
    "feature-matching",
    "max-margin-irl",
    "maxent-irl",
    "causal-maxent-irl",
    "guided-cost-learning",
    "gan-irl",
    "gan-plain",
    "tabular-smile",
    "proposed-goals",
    "skew-fit",
    "state-marginal-matching",
    "model-error",
    "diayn",
)


class Still:
    """An agent from outside."""

    name = "still"

    def __init__(self, family: str) -> None:
        self.family = family

    def adapt(self, contexts: Any) -> Any:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_registered", {})


def test_every_shipped_agent_is_in_the_table() -> None:
    assert tuple(all_agents()) == NAMES
    assert all(name == spec.name and spec.summary for name, spec in all_agents().items())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("family", [FAMILY, GRID])
def test_every_agent_loads_or_says_why_not(name: str, family: str) -> None:
    spec = get_agent(name)
    if spec.fine_tune is not None:
        with pytest.raises(AgentError, match=f"smile-bench fine-tune --agent {name}"):
            load_agent(name, family)
    elif spec.grid_only and family != GRID:
        with pytest.raises(AgentError, match="needs a gridworld family"):
            load_agent(name, family)
    elif spec.read is not None and not weights_path(name, family).exists():
        with pytest.raises(AgentError, match=f"smile-bench train --agent {name} --family {family}"):
            load_agent(name, family)
    else:
        assert getattr(load_agent(name, family), "name") == name  # noqa: B009


def test_meta_bc_ships_for_every_family_with_demonstrations() -> None:
    for family in (FAMILY, GRID, "SmileHalfCheetahVelocity-v0", "SmileAntLinearClassification-v0"):
        assert weights_path("meta-bc", family).exists()
    assert weights_path("meta-bc", FAMILY).suffix == ".safetensors"


def test_an_unknown_agent_or_family_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'meta-bc'"):
        load_agent("metabc", FAMILY)
    with pytest.raises(UnknownNameError, match="unknown family"):
        load_agent("meta-bc", "SmileAnt-v0")


@pytest.mark.parametrize(("name", "family"), [("meta-bc", FAMILY), ("tabular-smile", GRID)])
def test_missing_weights_say_how_to_train_them(name: str, family: str, tmp_path: Path) -> None:
    spec = replace(get_agent(name), weights=tmp_path)
    with pytest.raises(AgentError, match=f"smile-bench train --agent {name}"):
        spec.make(family)


def test_weights_in_another_agent_s_place_are_refused(tmp_path: Path) -> None:
    content = weights_path("meta-bc", GRID).read_bytes()
    for name, family in (("meta-bc", FAMILY), ("smile", GRID)):
        (tmp_path / f"{family}.safetensors").write_bytes(content)
        spec = replace(get_agent(name), weights=tmp_path)
        with pytest.raises(AgentError, match=f"holds meta-bc for {GRID}, not {name} for {family}"):
            spec.make(family)


@pytest.mark.slow
def test_without_torch_the_error_names_the_extra() -> None:
    # In a process of its own, because modules that are imported twice here would stay.
    code = f"""
import sys
sys.modules["torch"] = None
from smile_bench.baselines import load_agent
from smile_bench.errors import AgentError
print(load_agent("tabular-smile", "{GRID}").name)
try:
    load_agent("meta-bc", "{FAMILY}")
except AgentError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    name, message = done.stdout.splitlines()
    assert name == "tabular-smile"
    assert "smile-bench[baselines]" in message


def test_an_agent_from_outside_is_known_by_its_name() -> None:
    spec = register_agent(AgentSpec(name="still", summary="does nothing", load=Still))
    assert get_agent("still") is spec
    made = smile_bench.load_agent("still", FAMILY)
    assert isinstance(made, Still)
    assert isinstance(made, Agent)
    assert made.family == FAMILY
    with pytest.raises(UnknownNameError, match="Did you mean 'still'"):
        load_agent("stil", FAMILY)


def test_its_functions_may_be_given_by_their_path() -> None:
    path = f"{__name__}:Still"
    assert isinstance(AgentSpec(name="still", summary="…", load=path).make(FAMILY), Still)


@pytest.mark.parametrize("name", ["still", "meta-bc"])
def test_a_name_is_registered_once(name: str) -> None:
    register_agent(AgentSpec(name="still", summary="does nothing", load=Still))
    with pytest.raises(InputError, match=f"'{name}' is already registered. Register each"):
        register_agent(AgentSpec(name=name, summary="again", load=Still))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "needs either load"),
        ({"load": Still, "read": Still}, "needs either load"),
        ({"load": Still, "name": ""}, "'' cannot be the name of an agent"),
        ({"load": Still, "summary": ""}, "lacks a summary"),
    ],
)
def test_a_declaration_that_lacks_a_part_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AgentSpec(**{"name": "still", "summary": "does nothing", **parts})


def test_a_training_on_no_track_is_refused() -> None:
    training = TrainingSpec(track="ofline", preset="a:b", trainer="a:b")
    with pytest.raises(UnknownNameError, match="Did you mean 'offline'"):
        AgentSpec(name="still", summary="does nothing", load=Still, training=training)


def test_the_former_table_still_loads_agents() -> None:
    with pytest.warns(DeprecationWarning, match="AGENTS is now"):
        agents = getattr(smile_bench.baselines, "AGENTS")  # noqa: B009
    assert agents["retrieve-and-play"](FAMILY).name == "retrieve-and-play"
