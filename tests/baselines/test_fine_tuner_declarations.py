"""Declarations of agents that learn in the meta-test tasks."""

from __future__ import annotations

import pytest

from smile_bench.agents import import_agent, import_fine_tuner
from smile_bench.baselines import AgentSpec, load_fine_tuner, registry
from smile_bench.errors import AgentError, InputError, UnknownNameError
from tests.helpers.fine_tuner import BestOfChance, Repeat

GRID = "SmileGridGoal-v0"
SPEC = AgentSpec(
    name="chance", summary="tries", fine_tune="tests.helpers.fine_tuner:make_agent", grid_only=True
)


def test_it_is_made_for_a_family() -> None:
    assert isinstance(SPEC.make_fine_tuner(GRID), BestOfChance)
    with pytest.raises(UnknownNameError, match="Nowhere-v0"):
        SPEC.make_fine_tuner("Nowhere-v0")
    with pytest.raises(AgentError, match="chance needs a gridworld family"):
        SPEC.make_fine_tuner("SmileAntGoal-v0")


def test_it_is_not_evaluated_alone() -> None:
    with pytest.raises(AgentError, match="smile-bench fine-tune --agent chance"):
        SPEC.make(GRID)


def test_an_imitator_is_not_a_fine_tuner() -> None:
    with pytest.raises(AgentError, match="is not a fine-tuning agent"):
        load_fine_tuner("retrieve-and-play", GRID)
    imitates = AgentSpec(name="repeats", summary="repeats", fine_tune=Repeat)  # type: ignore[arg-type]
    with pytest.raises(AgentError, match="Repeat is not a fine-tuning agent"):
        imitates.make_fine_tuner(GRID)


def test_pytorch_that_is_missing_is_named() -> None:
    def load(family: str) -> BestOfChance:
        raise ModuleNotFoundError(name="torch")

    spec = AgentSpec(name="heavy", summary="needs networks", fine_tune=load)
    with pytest.raises(AgentError, match="heavy needs PyTorch"):
        spec.make_fine_tuner(GRID)


def test_it_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, "chance", SPEC)
    assert isinstance(load_fine_tuner("chance", GRID), BestOfChance)


def test_a_declaration_has_one_way_to_make_the_agent() -> None:
    with pytest.raises(InputError, match=r"needs either load.*or fine_tune"):
        AgentSpec(name="both", summary="both", load=Repeat, fine_tune=BestOfChance)


def test_import_paths() -> None:
    path = "tests.helpers.fine_tuner:make_agent"
    assert isinstance(import_fine_tuner(path, GRID), BestOfChance)
    with pytest.raises(AgentError, match="has no method adapt"):
        import_agent(path, GRID)
    with pytest.raises(AgentError, match="Repeat is not a fine-tuning agent"):
        import_fine_tuner("tests.helpers.fine_tuner:Repeat", GRID)
