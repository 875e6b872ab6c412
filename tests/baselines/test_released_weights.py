"""Released weights are of the settings that their command would train with today."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from smile_bench.baselines.imitation.imitator import Imitator
from smile_bench.baselines.meta_bc.presets import members, meta_bc_preset, meta_dagger_preset
from smile_bench.baselines.registry import TRAINED_AGENTS, weights_path
from smile_bench.baselines.smile.presets import PRESETS, preset
from smile_bench.envs import all_families

RELEASED = [
    (name, family)
    for name in TRAINED_AGENTS
    for family in all_families()
    if weights_path(name, family).exists()
]
# Logged at other intervals since; the updates are the same.
OLDER_FORM = {("meta-bc", "SmileGridGoal-v0"): {"updates_per_iteration"}}


def configured(name: str, family: str) -> Any:
    if name in PRESETS:
        return preset(name, family)
    return (meta_bc_preset if name == "meta-bc" else meta_dagger_preset)(family, 0)


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings by dotted names; a pair of equal widths is one number."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            found |= {f"{key}.{name}": inner for name, inner in flat(value).items()}
        elif key == "hidden" and isinstance(value, list) and len(set(value)) == 1:
            found[key] = value[0]
        else:
            found[key] = value
    return found


@pytest.mark.parametrize(("name", "family"), RELEASED)
def test_released_weights_have_the_settings_of_their_preset(name: str, family: str) -> None:
    config = configured(name, family)
    now = flat(json.loads(json.dumps(asdict(config))))
    plain = flat(json.loads(json.dumps(asdict(type(config)(family=family)))))
    agent = Imitator.load(weights_path(name, family))
    assert len(agent.members) == members(name, family)
    recipe = agent.recipe
    then = flat(recipe["settings"])
    # A setting that there was not yet is at its default.
    differing = {key for key, value in now.items() if then.get(key, plain[key]) != value}
    assert differing == OLDER_FORM.get((name, family), set())
    assert f"--agent {name} --family {family} --seed 0" in recipe["command"]


def test_every_family_with_a_body_has_all_agents() -> None:
    bodies = {family for family in all_families() if family != "SmileGridGoal-v0"}
    for name in ("meta-bc", "meta-dagger", "smile", "smile-paper", "smile-state-only"):
        assert bodies <= {family for agent, family in RELEASED if agent == name}
