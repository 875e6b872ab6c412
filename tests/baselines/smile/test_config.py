"""SMILe's settings: their number, and which ones cannot be trained."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import pytest

from smile_bench.access import Access
from smile_bench.baselines.smile.config import (
    RANGES,
    SCALARS,
    DemonstrationConfig,
    DiscriminatorConfig,
    SMILeConfig,
    require_fitting,
    require_together,
)
from smile_bench.baselines.smile.training import SMILe
from smile_bench.errors import InputError
from smile_bench.settings import (
    AMOUNT,
    COUNT,
    DECAY,
    POSITIVE,
    SHARE,
    as_text,
    flatten,
    replaced,
)
from tests.helpers.tiny import CONFIG, STATE_ONLY, access


def test_there_are_at_most_thirty_settings() -> None:
    """What other modules configure (SAC, encoder, augmentation, …) counts once each."""
    own = (SMILeConfig, DiscriminatorConfig, DemonstrationConfig)
    names = [field.name for cls in own for field in fields(cls)]
    groups = [name for name in names if isinstance(getattr(CONFIG, name, None), own[1:])]
    assert len(names) - len(groups) <= 30
    assert all(is_dataclass(getattr(CONFIG, name)) for name in groups)


BAD = {COUNT: 0, AMOUNT: -1, POSITIVE: 0.0, SHARE: 1.5, DECAY: 1.0}
CASES = [(name, BAD[allowed]) for allowed, names in RANGES.items() for name in names]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_numbers_out_of_range_are_refused(name: str, value: float) -> None:
    changed = replaced(CONFIG, {name: as_text(value)})
    with pytest.raises(InputError, match=rf"^{name} is {value}(\.0)?; give "):
        require_fitting(changed, access())


def test_every_number_has_a_range() -> None:
    """Or is refused elsewhere; ``target_entropy`` may be any number."""
    elsewhere = {"members", "augmentation.outlier_fraction", "augmentation.permuted_width"}
    numbers = {
        name
        for name, value in flatten(CONFIG).items()
        if (value is None or isinstance(value, int | float | tuple)) and not isinstance(value, bool)
    }
    ranged = {name for name, _ in CASES}
    assert ranged < numbers
    assert numbers - ranged == {*elsewhere, "sac.target_entropy"}


def test_cloned_first_states_fit_into_a_batch() -> None:
    most = CONFIG.batch
    shown = replace(CONFIG.demonstrations, bc_first_states=most)
    require_fitting(replace(CONFIG, demonstrations=shown), access())
    shown = replace(shown, bc_first_states=most + 1)
    with pytest.raises(InputError, match=f"is {most + 1}, but a batch has {most} transitions"):
        require_fitting(replace(CONFIG, demonstrations=shown), access())


def test_negatives_of_other_tasks_need_other_tasks() -> None:
    alone = Access(CONFIG.family, tasks=1)
    with pytest.raises(InputError, match=r"2 meta-train tasks; give .*mismatched_negatives to 0"):
        require_fitting(CONFIG, alone)
    discriminator = replace(CONFIG.discriminator, mismatched_negatives=0.0)
    require_fitting(replace(CONFIG, discriminator=discriminator), alone)


def test_settings_must_fit_the_access() -> None:
    with pytest.raises(InputError, match="discrete actions, which soft actor-critic"):
        require_fitting(SMILeConfig(family="SmileGridGoal-v0"), Access("SmileGridGoal-v0"))
    with pytest.raises(InputError, match=r"state-only: False.*state-only: True.*give both alike"):
        require_fitting(CONFIG, access(STATE_ONLY))


def test_trainings_of_one_computation_may_differ_in_scalars() -> None:
    require_together([CONFIG])
    others = (
        {"seed": 3, "reward_clip": 1.0, "final_lr_fraction": 0.5},
        {"discriminator.gradient_penalty": 1.0, "discriminator.optimizer.learning_rate": 1e-3},
        {"sac.discount": 0.5, "sac.polyak": 0.1, "sac.learning_rate": 1e-3},
        {"sac.entropy_weight": 0.5},
    )
    require_together([CONFIG, *(replaced(CONFIG, changes) for changes in others)])
    assert {*SCALARS} == {name for each in others for name in each} | {
        "reward_scale",
        "demonstrations.bc_weight",
    }


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({}, {"tasks_per_batch": 1}, "tasks_per_batch 1 and training 0 3"),
        ({}, {"sac.hidden": (8, 8)}, r"sac.hidden \(8, 8\) and training 0 \(16, 16\)"),
        ({}, {"members": 2}, "members 2"),
        ({"reward_scale": 2.0}, {}, "reward_scale"),
        ({"demonstrations.bc_weight": 1.0}, {}, "demonstrations.bc_weight"),
    ],
)
def test_other_differences_are_refused(
    one: dict[str, object], other: dict[str, object], message: str
) -> None:
    configs = [replaced(CONFIG, one), replaced(CONFIG, other)]
    with pytest.raises(InputError, match=message):
        SMILe(configs, [access(), access()])
