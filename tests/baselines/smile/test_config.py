"""SMILe's settings: their number, and which ones cannot be trained."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from smile_bench.access import Access
from smile_bench.baselines.smile.config import (
    DemonstrationConfig,
    DiscriminatorConfig,
    SMILeConfig,
    require_alike,
    require_fitting,
)
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.errors import InputError
from tests.helpers.tiny import CONFIG, STATE_ONLY, access


def test_there_are_at_most_thirty_settings() -> None:
    """What other modules configure (SAC, encoder, augmentation, …) counts once each."""
    own = (SMILeConfig, DiscriminatorConfig, DemonstrationConfig)
    names = [field.name for cls in own for field in fields(cls)]
    groups = [name for name in names if isinstance(getattr(CONFIG, name, None), own[1:])]
    assert len(names) - len(groups) <= 30
    assert all(is_dataclass(getattr(CONFIG, name)) for name in groups)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"demonstrations": DemonstrationConfig(bc_decay_iterations=-1)},
            r"demonstrations\.bc_decay_iterations is -1; give 0 or more",
        ),
        (
            {"inverse_dynamics": InverseDynamicsConfig(updates=0)},
            r"inverse_dynamics\.updates is 0; give 1 or more",
        ),
        ({"sac": replace(CONFIG.sac, n_step=0)}, r"sac\.n_step is 0; give 1 or more"),
        ({"ema_decay": 1.0}, r"ema_decay is 1\.0; give"),
    ],
)
def test_numbers_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_fitting(replace(CONFIG, **change), access())


def test_settings_must_fit_the_access() -> None:
    with pytest.raises(InputError, match="discrete actions, which soft actor-critic"):
        require_fitting(SMILeConfig(family="SmileGridGoal-v0"), Access("SmileGridGoal-v0"))
    with pytest.raises(InputError, match=r"state-only: False.*state-only: True.*give both alike"):
        require_fitting(CONFIG, access(STATE_ONLY))


def test_trainings_that_share_differ_in_their_seed_alone() -> None:
    require_alike(replace(CONFIG, seed=1), CONFIG)
    with pytest.raises(InputError, match=r"differ in tasks_per_batch, reward_clip\."):
        require_alike(replace(CONFIG, tasks_per_batch=1, reward_clip=1.0, seed=2), CONFIG)
