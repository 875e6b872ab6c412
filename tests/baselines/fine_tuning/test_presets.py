"""The fine-tuners by name."""

from __future__ import annotations

import pytest

from smile_bench.agents import FineTuningAgent
from smile_bench.baselines import load_agent, load_fine_tuner
from smile_bench.baselines.fine_tuning import AGENTS
from smile_bench.baselines.fine_tuning.presets import preset
from smile_bench.errors import AgentError, UnknownNameError

FAMILIES = ("SmileAntGoal-v0", "SmileGridGoal-v0", "SmileHalfCheetahVelocity-v0")
NAMES = [spec.name for spec in AGENTS]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NAMES)
def test_every_fine_tuner_loads_by_name(name: str, family: str) -> None:
    if name == "off-policy-policy-gradient" and family != "SmileGridGoal-v0":
        with pytest.raises(AgentError, match="needs a gridworld family"):
            load_fine_tuner(name, family)
        return
    agent = load_fine_tuner(name, family)
    assert isinstance(agent, FineTuningAgent)
    assert getattr(agent, "name") == name  # noqa: B009


@pytest.mark.parametrize("name", NAMES)
def test_they_are_not_imitators(name: str) -> None:
    with pytest.raises(AgentError, match=f"smile-bench fine-tune --agent {name}"):
        load_agent(name, "SmileGridGoal-v0")


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown fine-tuner"):
        preset("fine-tune", "SmileGridGoal-v0")
