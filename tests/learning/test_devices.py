"""Devices: which there are, and that trainings compute on the one that they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.smile.config import DemonstrationConfig, DiscriminatorConfig
from smile_bench.baselines.smile.inverse_dynamics import InverseDynamicsConfig
from smile_bench.errors import InputError
from smile_bench.learning.checkpoint import load_checkpoint, save_checkpoint
from smile_bench.learning.devices import CPU, describe, find_device, index, to_device
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
    config = replace(META_DAGGER, members=2)
    return trainer("meta-dagger", config, device, synthetic.showing_dataset())


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


def test_the_stand_in_refuses_what_a_gpu_refuses() -> None:
    with stand_in_device() as elsewhere:
        there, here = torch.zeros(3, device=elsewhere), torch.zeros(3)
        assert there.device == elsewhere
        assert (there + 1.0).cpu().tolist() == [1.0, 1.0, 1.0]
        with pytest.raises(RuntimeError, match="two devices"):
            torch.add(there, here)
        with pytest.raises(RuntimeError, match="two devices"):
            there.index_select(0, torch.tensor([1]))
        with pytest.raises(RuntimeError, match="generator of the CPU"):
            torch.rand(2, generator=torch.Generator(), device=elsewhere)
        with pytest.raises(RuntimeError):
            np.asarray(there)


def test_arrays_are_taken_to_the_device() -> None:
    array = np.arange(12.0).reshape(3, 4)
    rows, columns = np.array([[2], [0]]), np.array([1, 3, 3])
    with stand_in_device() as elsewhere:
        tensor = to_device(array, elsewhere)
        assert tensor.device == elsewhere
        taken = index(tensor, rows, columns).cpu()
    np.testing.assert_array_equal(taken.numpy(), array[rows, columns])


@pytest.mark.parametrize("name", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:01"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="give 'cpu', 'cuda' or 'cuda:N'"):
        find_device(name)


def test_a_device_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("cpu") == CPU
    for name in ("cuda", "cuda:0"):
        with pytest.raises(InputError, match=f"'{name}' is not available; PyTorch finds cpu\\."):
            find_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(find_device(name)) for name in ("cuda", "cuda:1")] == ["cuda", "cuda:1"]
    with pytest.raises(InputError, match="PyTorch finds cpu, cuda:0, cuda:1"):
        find_device("cuda:2")


def test_a_gpu_is_described_with_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Model {device.index}")
    assert describe(CPU) == "cpu"
    assert describe(torch.device("cuda:1")) == "cuda:1 (Model 1)"
