"""Trainings compute on the device that they are given, to numbers that differ by rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.trainer import ImitatorTrainings
from smile_bench.baselines.smile.config import DemonstrationConfig, DiscriminatorConfig
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.errors import DivergedError
from smile_bench.learning import streams
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.devices import CPU
from smile_bench.learning.sac import SACConfig
from tests.helpers import synthetic
from tests.helpers.stand_in import ELSEWHERE, stand_in_device
from tests.helpers.tiny import CONFIG, META_BC, META_DAGGER, STATE_ONLY, shrink, trainings

AUGMENTED = AugmentationConfig(constant_feature_noise=0.5, permuted_width=2)


def every_part(device: torch.device) -> ImitatorTrainings:
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
    return trainings("smile", [config], device, synthetic.showing_dataset())


def state_only(device: torch.device) -> ImitatorTrainings:
    config = replace(
        STATE_ONLY,
        iterations=3,
        augmentation=AUGMENTED,
        demonstrations=DemonstrationConfig(bc_weight=5.0),
        inverse_dynamics=InverseDynamicsConfig(sees_task=True),
        reward_scale=3.0,
    )
    return trainings("smile-state-only", [config], device, synthetic.showing_dataset())


def meta_bc(device: torch.device) -> ImitatorTrainings:
    config = replace(META_BC, augmentation=AUGMENTED, first_state_fraction=0.5)
    return trainings("meta-bc", [config], device, synthetic.showing_dataset())


def meta_dagger(device: torch.device) -> ImitatorTrainings:
    config = replace(META_DAGGER, augmentation=AUGMENTED)
    return trainings("meta-dagger", [config], device, synthetic.showing_dataset())


def several(device: torch.device) -> ImitatorTrainings:
    configs = [replace(META_BC, members=2, seed=seed, final_state_weight=1.0) for seed in (0, 3)]
    return trainings("meta-bc", configs, device, synthetic.showing_dataset())


TRAININGS = [every_part, state_only, meta_bc, meta_dagger, several]
Make = Callable[[torch.device], ImitatorTrainings]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)
    # So that the stand-in's random numbers are the CPU's.
    monkeypatch.setattr(streams, "GPU_BLOCK", streams.BLOCK)


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("make", TRAININGS)
def test_on_another_device_trainings_give_nearly_the_same_numbers(
    make: Make, tmp_path: Path
) -> None:
    """Those of a GPU would differ, because its random numbers do."""
    here = make(CPU)
    logs = [here.step() for _ in range(3)]
    with stand_in_device() as elsewhere:
        there = make(elsewhere)
        for expected in logs:
            for log, own in zip(there.step(), expected, strict=True):
                assert not isinstance(log, DivergedError)
                assert log == pytest.approx(own, rel=1e-3, abs=1e-5)
        for index, settings in enumerate(there.settings):
            save_checkpoint(tmp_path / "here", here.state_dict(index))
            save_checkpoint(tmp_path / "there", there.state_dict(index))
            ours, theirs = (load_checkpoint(tmp_path / name) for name in ("here", "there"))
            for own, other in zip(ours["members"], theirs["members"], strict=True):
                assert (own["streams"].pop("device"), other["streams"].pop("device")) == (
                    CPU.type,
                    ELSEWHERE.type,
                )
            require_close(ours, theirs)
            acting = [n for member in there.agent(index, {}).members for n in member]
            assert {p.device for network in acting for p in network.parameters()} == {ELSEWHERE}
            assert "device" not in settings


def require_close(one: Any, other: Any) -> None:
    """Two states hold the same numbers, up to rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list | tuple):
        for own, its in zip(one, other, strict=True):
            require_close(own, its)
    elif isinstance(one, Tensor):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    elif isinstance(one, np.ndarray):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    else:
        assert one == other


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("make", [every_part, meta_dagger, several])
@pytest.mark.parametrize("away_first", [True, False])
def test_a_checkpoint_continues_on_another_device(
    make: Make, away_first: bool, tmp_path: Path
) -> None:
    """With the same networks, and with random numbers of that device."""
    with stand_in_device() as elsewhere:
        first, second = (elsewhere, CPU) if away_first else (CPU, elsewhere)
        cut, resumed, again = make(first), make(second), make(second)
        for _ in range(2):
            cut.step()
        states = []
        for index in range(len(cut.settings)):
            save_checkpoint(tmp_path / "cut", cut.state_dict(index))
            states.append(load_checkpoint(tmp_path / "cut"))
        for made in (resumed, again):
            made.load_state_dict(states)
        for index, state in enumerate(states):
            save_checkpoint(tmp_path / "resumed", resumed.state_dict(index))
            loaded = load_checkpoint(tmp_path / "resumed")
            for own, other in zip(loaded["members"], state["members"], strict=True):
                del own["streams"], other["streams"]
            require_close(loaded, state)
        logs, same = resumed.step(), again.step()
        assert logs == same
        assert not any(isinstance(log, DivergedError) for log in logs)
        assert logs != cut.step()
