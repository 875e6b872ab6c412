"""Presets and declarations of the goal-conditioned agents."""

from __future__ import annotations

from typing import Any

import pytest

from smile_bench.baselines import get_agent
from smile_bench.baselines.unsupervised.goal_space import GoalSpace
from smile_bench.baselines.unsupervised.presets import PRESETS, preset
from smile_bench.errors import InputError, UnknownNameError
from smile_bench.settings import flatten

FAMILIES = ("SmileGridGoal-v0", "SmileAntGoal-v0")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("family", FAMILIES)
def test_presets_state_which_numbers_are_goals(name: str, family: str) -> None:
    config: Any = preset(name, family, seed=3)
    assert (config.family, config.seed) == (family, 3)
    space = GoalSpace.of(family, config.goal)
    assert space.size == (64 if family == FAMILIES[0] else 2)
    assert len([n for n in vars(config) if n]) <= 30
    assert flatten(config)["collection.env_steps"] > 0


def test_skew_fit_is_proposed_goals_with_weights() -> None:
    for family in FAMILIES:
        plain, skewed = (flatten(preset(name, family)) for name in PRESETS[:2])
        assert plain.pop("alpha") == 0.0
        assert -1.0 <= skewed.pop("alpha") < 0.0
        assert plain == skewed


def test_agents_are_declared_on_the_track_without_demonstrations() -> None:
    for name in PRESETS:
        training = get_agent(name).training
        assert training is not None
        assert (training.track, training.state_only) == ("unsupervised", True)
        assert training.make_preset(FAMILIES[0], 1) == preset(name, FAMILIES[0], 1)


def test_unknown_names_and_families_without_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'skew-fit'"):
        preset("skewfit", FAMILIES[0])
    with pytest.raises(InputError, match="has no settings for SmileWalkerDynamics-v0"):
        preset("skew-fit", "SmileWalkerDynamics-v0")
