"""Meta-BC's presets: what each family changes, and that every one trains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smile_bench.access import Access
from smile_bench.baselines.meta_bc.config import MetaBCConfig
from smile_bench.baselines.meta_bc.presets import family_settings, preset
from smile_bench.baselines.meta_bc.training import MetaBC
from smile_bench.datasets import load_dataset
from smile_bench.envs import all_families
from smile_bench.learning.loop import Alone
from smile_bench.settings import flatten

FAMILIES = [family for family in all_families() if family.startswith("Smile")]
CLASSIFICATION, GRID = "SmileAntLinearClassification-v0", "SmileGridGoal-v0"


def differing(family: str) -> set[str]:
    """Names of the settings that a family's preset changes."""
    defaults = flatten(MetaBCConfig(family=family, seed=5))
    return {name for name, value in flatten(preset(family, 5)).items() if value != defaults[name]}


@pytest.mark.parametrize("family", FAMILIES)
def test_only_two_families_need_settings_of_their_own(family: str) -> None:
    if family == GRID:
        assert differing(family) == {"total_updates", "hidden", "updates_per_iteration"}
        # Few choices among few cells need less of everything, and are logged as often.
        config, default = preset(family), MetaBCConfig(family=family)
        assert config.total_updates < default.total_updates
        assert max(config.hidden) < max(default.hidden)
    elif family == CLASSIFICATION:
        assert differing(family) == {
            "weight_decay",
            "augmentation.constant_feature_noise",
            "augmentation.permuted_width",
            "final_state_weight",
            "first_state_fraction",
            "encoder.pooled",
            "encoder.embedding",
            "context_timesteps",
            "tasks_per_batch",
            "states_per_task",
        }
    else:
        assert not differing(family)


def test_first_states_count_where_later_ones_give_the_target_away() -> None:
    assert {family: preset(family).first_state_fraction for family in FAMILIES} == {
        family: 0.5 if family == CLASSIFICATION else 0.0 for family in FAMILIES
    }
    assert "first_state_fraction" not in family_settings(CLASSIFICATION)


def test_the_permuted_vectors_are_what_episodes_show_throughout() -> None:
    width = preset(CLASSIFICATION).augmentation.permuted_width
    observed = load_dataset(CLASSIFICATION).train.observations
    constant = (observed == observed[:, :, :1]).all(axis=(0, 1, 2))
    # Two vectors of four numbers, at the end of an observation.
    assert np.flatnonzero(constant).tolist() == list(range(33, 33 + 2 * width))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains_and_is_scored(family: str) -> None:
    config = replace(preset(family, 3), total_updates=2, updates_per_iteration=1, validate_every=2)
    assert (config.family, config.seed) == (family, 3)
    trained = Alone(MetaBC([config], [Access(family, track="offline")]))
    logs = [trained.step(), trained.step()]
    assert "losses/validation_action_mse" not in logs[0]
    assert any(name.startswith("validation/") for name in logs[1])
