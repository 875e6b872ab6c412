from __future__ import annotations

import builtins
from typing import Any

import pytest

from smile_bench.baselines import AGENTS, load_agent
from smile_bench.baselines.registry import GRID_AGENTS, weights_path
from smile_bench.errors import AgentError, UnknownNameError

FAMILY = "SmileAntGoal-v0"


def test_every_agent_loads_for_ant_goal_or_says_that_it_needs_a_grid() -> None:
    for name in AGENTS:
        assert getattr(load_agent(name, "SmileGridGoal-v0"), "name") == name  # noqa: B009
        if name in GRID_AGENTS:
            with pytest.raises(AgentError, match="needs a gridworld family"):
                load_agent(name, FAMILY)
        else:
            assert getattr(load_agent(name, FAMILY), "name") == name  # noqa: B009


def test_an_unknown_agent_or_family_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'meta-bc'"):
        load_agent("metabc", FAMILY)
    with pytest.raises(UnknownNameError, match="unknown family"):
        load_agent("meta-bc", "SmileAnt-v0")


def test_missing_weights_say_how_to_train_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(
        "smile_bench.baselines.registry.weights_path", lambda name, family: tmp_path / "none"
    )
    with pytest.raises(AgentError, match="smile-bench train --agent meta-bc"):
        load_agent("meta-bc", FAMILY)


def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_torch(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith("smile_bench.baselines.meta_bc"):
            raise ModuleNotFoundError("No module named 'torch'")
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", no_torch)
    with pytest.raises(AgentError, match=r"smile-bench\[baselines\]"):
        load_agent("meta-bc", FAMILY)


def test_weights_are_safetensors() -> None:
    assert weights_path("meta-bc", FAMILY).suffix == ".safetensors"
