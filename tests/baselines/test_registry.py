from __future__ import annotations

import sys
from pathlib import Path

import pytest

from smile_bench.baselines import AGENTS, load_agent, registry
from smile_bench.baselines.registry import GRID_AGENTS, TRAINED_AGENTS, weights_path
from smile_bench.baselines.training import TRAININGS
from smile_bench.errors import AgentError, UnknownNameError

FAMILY, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("family", [FAMILY, GRID])
def test_every_agent_loads_or_says_why_not(name: str, family: str) -> None:
    if name in GRID_AGENTS and family != GRID:
        with pytest.raises(AgentError, match="needs a gridworld family"):
            load_agent(name, family)
    elif name in TRAINED_AGENTS and not weights_path(name, family).exists():
        with pytest.raises(AgentError, match=f"smile-bench train --agent {name} --family {family}"):
            load_agent(name, family)
    else:
        assert getattr(load_agent(name, family), "name") == name  # noqa: B009


def test_meta_bc_ships_for_every_family_with_demonstrations() -> None:
    for family in (FAMILY, GRID, "SmileHalfCheetahVelocity-v0", "SmileAntLinearClassification-v0"):
        assert weights_path("meta-bc", family).exists()


def test_what_can_be_trained_can_be_loaded() -> None:
    assert set(TRAININGS) == {*TRAINED_AGENTS, "tabular-smile"}
    assert set(TRAININGS) <= set(AGENTS)


def test_an_unknown_agent_or_family_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'meta-bc'"):
        load_agent("metabc", FAMILY)
    with pytest.raises(UnknownNameError, match="unknown family"):
        load_agent("meta-bc", "SmileAnt-v0")


@pytest.mark.parametrize(("name", "family"), [("meta-bc", FAMILY), ("tabular-smile", GRID)])
def test_missing_weights_say_how_to_train_them(
    name: str, family: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "weights_path", lambda name, family: tmp_path / "none")
    with pytest.raises(AgentError, match=f"smile-bench train --agent {name}"):
        load_agent(name, family)


def test_weights_in_another_agent_s_place_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights_path("meta-bc", GRID)
    monkeypatch.setattr(registry, "weights_path", lambda name, family: path)
    for name, family in (("meta-bc", FAMILY), ("smile", GRID)):
        with pytest.raises(AgentError, match=f"holds meta-bc for {GRID}, not {name} for {family}"):
            load_agent(name, family)


def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("smile_bench.baselines.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(AgentError, match=r"smile-bench\[baselines\]"):
        registry.load_agent("meta-bc", FAMILY)
    assert getattr(registry.load_agent("tabular-smile", GRID), "name") == "tabular-smile"  # noqa: B009


def test_weights_are_safetensors() -> None:
    assert weights_path("meta-bc", FAMILY).suffix == ".safetensors"
