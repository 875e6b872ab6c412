from __future__ import annotations

import json
from typing import Any

import pytest

from smile_bench.envs import get_family
from smile_bench.experts.policy import read_expert, weights_path
from smile_bench.experts.training.curricula import CURRICULA
from smile_bench.experts.training.presets import KINDS
from smile_bench.experts.training.shared import read_shared
from smile_bench.experts.training.train import make_training

RECORDED = {
    "curriculum": "practice",
    "curriculum_settings": "practice_settings",
    "env_steps_per_iteration": "steps",
    "updates_per_env_step": "updates",
    "replay_capacity": "capacity",
    "lr_decay_start": "decay_from",
    "final_lr_fraction": "decay_to",
}
"""Name of a setting to its name in the recipes of the shipped weights."""

CASES = [(kind, family) for kind in KINDS for family in KINDS[kind].presets]


def compared(settings: dict[str, Any], recorded: dict[str, Any]) -> int:
    """Compare what both name; how many numbers that were."""
    count = 0
    for name, value in settings.items():
        stored = recorded.get(name, recorded.get(RECORDED.get(name, "")))
        if stored is None or value is None:
            assert stored == value or name not in recorded, name
        elif isinstance(value, dict):
            count += compared(value, stored)
        elif name != "widening":
            # One weight file was trained while this was another number.
            assert stored == value, name
            count += 1
    return count


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_a_preset_is_what_the_shipped_weights_were_trained_with(kind: str, family: str) -> None:
    stem = get_family(family).dataset_recipe.expert + ("" if kind == "expert" else f"-{kind}")
    path = weights_path(get_family(family), stem)
    recipe = read_shared(path).recipe if kind == "shared" else read_expert(path).recipe
    config = recipe["config"]
    seed = config["ppo"]["seed"] if "ppo" in config else config["seed"]
    settings = make_training(family, seed=seed, kind=kind).settings
    assert compared(json.loads(json.dumps(settings)), config) >= 17


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_presets_name_curricula(kind: str, family: str) -> None:
    preset = KINDS[kind].presets[family]
    if hasattr(preset, "curriculum"):
        assert preset.curriculum in CURRICULA
