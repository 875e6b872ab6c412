"""Released weights are of the settings that their command would train with today."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from smile_bench.baselines import all_agents, load_agent
from smile_bench.baselines.registry import weights_path
from smile_bench.compat.settings import FORMER_SETTINGS, current_name, renamed_settings
from smile_bench.envs import all_families

AGENTS = [
    name for name, spec in all_agents().items() if spec.read is not None and not spec.grid_only
]
RELEASED = [
    (name, family)
    for name in AGENTS
    for family in all_families()
    if weights_path(name, family).exists()
]
# Logged at other intervals since; the updates are the same.
OLDER_FORM = {("meta-bc", "SmileGridGoal-v0"): {"updates_per_iteration"}}
CONSTANT = {
    "capacity": (40_000, 20_000),
    "codes_per_task": (8,),
    "context_sizes": ([],),
    "density_form": (False,),
    "discriminator_hidden": ([256, 256], 256),
    "early_noise": (0.0,),
    "early_steps": (1,),
    "imitated": (256, 128),
    "imitation_begins": (0,),
    "outcomes_per_task": (16,),
    "projection": (False,),
    "random_iterations": (1,),
    "refresh": (20,),
    "reward": ("airl",),
    "sac.entropy_weight_floor": (0.0,),
    "snapshot_every": (50,),
    "snapshots": (0,),
    "threads": (1,),
}
"""Settings that are gone, and what they were in every released training. A replay of 40 000 or
20 000 transitions a task held every transition, and as many were cloned as a batch has."""


def flat(settings: dict[str, Any]) -> dict[str, Any]:
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


def as_stored(config: Any) -> dict[str, Any]:
    return flat(json.loads(json.dumps(asdict(config))))


@pytest.mark.parametrize(("name", "family"), RELEASED)
def test_released_weights_have_the_settings_of_their_preset(name: str, family: str) -> None:
    training = all_agents()[name].training
    assert training is not None
    config = training.make_preset(family, 0)
    now = as_stored(config)
    agent: Any = all_agents()[name].read_weights(weights_path(name, family), family)
    if config.members > 1 or hasattr(agent, "members"):
        assert len(agent.members) == config.members
    recipe = agent.recipe
    stored = flat(recipe["settings"])
    then = renamed_settings(stored, now)
    differing = {key for key in then if key in now and now[key] != then[key]}
    assert differing == OLDER_FORM.get((name, family), set())
    gone = {key for key in stored if current_name(key, now) is None}
    assert gone <= set(FORMER_SETTINGS)
    for key in gone & set(CONSTANT):
        assert stored[key] in CONSTANT[key], key
    command = f"--agent {name} --family {family}"
    assert re.search(rf"{re.escape(command)} --seeds? 0\b", recipe["command"])


def test_every_family_with_a_body_has_all_agents() -> None:
    bodies = {family for family in all_families() if family != "SmileGridGoal-v0"}
    for name in ("meta-bc", "meta-dagger", "smile", "smile-paper", "smile-state-only"):
        assert bodies <= {family for agent, family in RELEASED if agent == name}


@pytest.mark.parametrize("name", ["meta-bc", "tabular-smile"])
def test_weights_saved_twice_are_the_same_bytes(name: str, tmp_path: Path) -> None:
    agent: Any = load_agent(name, "SmileGridGoal-v0")
    written = set()
    for number in range(8):
        agent.save(tmp_path / str(number))
        written.add((tmp_path / str(number)).read_bytes())
    assert len(written) == 1
