"""Trainings compute on the device that they are given, to the same numbers on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.smile.config import DemonstrationConfig, DiscriminatorConfig
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.devices import CPU
from smile_bench.learning.sac import SACConfig
from tests.helpers import synthetic
from tests.helpers.stand_in import ELSEWHERE, stand_in_device
from tests.helpers.tiny import CONFIG, META_BC, META_DAGGER, STATE_ONLY, shrink, trainer

AUGMENTED = AugmentationConfig(constant_feature_noise=0.5, permuted_width=2)


def every_part(device: torch.device) -> ImitatorTrainer:
    config = replace(
        CONFIG,
        iterations=3,
        reward_clip=0.05,
        stall_limit=3,
        augmentation=AUGMENTED,
        demonstrations=DemonstrationConfig(bc_weight=5.0, bc_first_states=2),
        discriminator=DiscriminatorConfig(final_state_weight=1.0),
        sac=SACConfig(hidden=(16, 16), policy_every=2, target_entropy=-4.0, n_step=3),
    )
    return trainer("smile", config, device, synthetic.showing_dataset())


def state_only(device: torch.device) -> ImitatorTrainer:
    config = replace(
        STATE_ONLY,
        iterations=3,
        augmentation=AUGMENTED,
        demonstrations=DemonstrationConfig(bc_weight=5.0),
        inverse_dynamics=InverseDynamicsConfig(sees_task=True),
        reward_scale=3.0,
    )
    return trainer("smile-state-only", config, device, synthetic.showing_dataset())


def meta_bc(device: torch.device) -> ImitatorTrainer:
    config = replace(META_BC, augmentation=AUGMENTED, first_state_fraction=0.5)
    return trainer("meta-bc", config, device, synthetic.showing_dataset())


def meta_dagger(device: torch.device) -> ImitatorTrainer:
    config = replace(META_DAGGER, augmentation=AUGMENTED)
    return trainer("meta-dagger", config, device, synthetic.showing_dataset())


def several(device: torch.device) -> ImitatorTrainer:
    config = replace(META_BC, members=2)
    return trainer("meta-bc", config, device, synthetic.showing_dataset())


TRAININGS = [every_part, state_only, meta_bc, meta_dagger, several]
Make = Callable[[torch.device], ImitatorTrainer]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("make", TRAININGS)
def test_on_another_device_a_training_gives_the_same_numbers(make: Make, tmp_path: Path) -> None:
    here = make(CPU)
    logs = [here.step() for _ in range(3)]
    save_checkpoint(tmp_path / "here", here.state_dict())
    with stand_in_device() as elsewhere:
        there = make(elsewhere)
        assert [there.step() for _ in range(3)] == logs
        save_checkpoint(tmp_path / "there", there.state_dict())
        acting = [network for member in there.agent({}).members for network in member]
        assert {p.device for network in acting for p in network.parameters()} == {ELSEWHERE}
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    assert "device" not in there.settings


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("make", [every_part, meta_dagger, several])
@pytest.mark.parametrize("away_first", [True, False])
def test_a_checkpoint_continues_on_another_device(
    make: Make, away_first: bool, tmp_path: Path
) -> None:
    whole = make(CPU)
    logs = [whole.step() for _ in range(3)]
    with stand_in_device() as elsewhere:
        first, second = (elsewhere, CPU) if away_first else (CPU, elsewhere)
        cut = make(first)
        for _ in range(2):
            cut.step()
        save_checkpoint(tmp_path / "cut", cut.state_dict())
        resumed = make(second)
        resumed.load_state_dict(load_checkpoint(tmp_path / "cut"))
        assert resumed.step() == logs[2]
