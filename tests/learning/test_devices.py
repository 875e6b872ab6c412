"""Devices: which there are, and that trainings compute on the one that they are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smile_bench.access import Access
from smile_bench.baselines.imitation.encoder import EncoderConfig
from smile_bench.baselines.imitation.ensemble import ensemble
from smile_bench.baselines.imitation.trainer import ImitatorTrainer
from smile_bench.baselines.meta_bc.training import MetaBC, MetaBCConfig
from smile_bench.baselines.meta_dagger.training import MetaDAgger, MetaDAggerConfig
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.training import SMILe
from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU, describe, find_device, index, to_device
from smile_bench.learning.sac import SACConfig
from tests.helpers import synthetic
from tests.helpers.stand_in import ELSEWHERE, stand_in_device

SMALL: dict[str, Any] = {
    "family": synthetic.FAMILY,
    "tasks_per_batch": 3,
    "context_timesteps": 3,
    "hidden": (16, 16),
    "episode_noise": 0.5,
    "episode_vectors": 2,
    "encoder": EncoderConfig(hidden=16, pooled=8, code=4),
    "validate_every": 2,
}
ADVERSARIAL: dict[str, Any] = {
    **SMALL,
    "iterations": 3,
    "steps": 40,
    "updates": 3,
    "capacity": 20,
    "transitions_per_task": 4,
    "codes_per_task": 2,
    "refresh": 1,
    "discriminator_hidden": (16, 16),
}
CLONING: dict[str, Any] = {**SMALL, "updates": 9, "updates_per_iteration": 3, "states_per_task": 8}


def smile(device: torch.device, **settings: Any) -> SMILe:
    config = SMILeConfig(**ADVERSARIAL, **settings)
    access = Access(
        config.family, state_only=config.state_only, dataset=synthetic.showing_dataset()
    )
    return SMILe(config, access, device)


def every_part(device: torch.device) -> SMILe:
    tuned = SACConfig(policy_every=2, target_entropy=-4.0, entropy_weight_floor=0.5)
    return smile(
        device,
        imitation=5.0,
        imitated_first=2,
        outcome=1.0,
        projection=True,
        sac=tuned,
        clamp=0.05,
        patience=3,
    )


def state_only(device: torch.device) -> SMILe:
    layered = SACConfig(layer_norm=True)
    return smile(device, state_only=True, imitation=5.0, outcome=1.0, sac=layered)


def density(device: torch.device) -> SMILe:
    return smile(device, density_form=True, reward_scale=3.0)


def meta_bc(device: torch.device) -> MetaBC:
    config = MetaBCConfig(**CLONING, early_states=0.5, early_steps=2, early_noise=0.4)
    return MetaBC(
        config, Access(config.family, track="offline", dataset=synthetic.showing_dataset()), device
    )


def meta_dagger(device: torch.device) -> MetaDAgger:
    config = MetaDAggerConfig(**CLONING, warm_up=1)
    access = Access(config.family, track="expert-queries", dataset=synthetic.showing_dataset())
    return MetaDAgger(config, access, device)


def several(device: torch.device) -> ImitatorTrainer:
    config = MetaDAggerConfig(**CLONING, warm_up=1)
    access = Access(config.family, track="expert-queries", dataset=synthetic.showing_dataset())
    return ensemble(config, 2, lambda each: MetaDAgger(each, access, device), access)


TRAININGS = [every_part, state_only, density, meta_bc, meta_dagger, several]
Make = Callable[[torch.device], ImitatorTrainer]


@pytest.mark.parametrize("make", TRAININGS)
def test_on_another_device_a_training_gives_the_same_numbers(make: Make, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    here = make(CPU)
    logs = [here.step() for _ in range(3)]
    here.save(tmp_path / "here")
    with stand_in_device() as elsewhere:
        there = make(elsewhere)
        assert [there.step() for _ in range(3)] == logs
        there.save(tmp_path / "there")
        acting = [network for member in there.agent({}).members for network in member]
        assert {p.device for network in acting for p in network.parameters()} == {ELSEWHERE}
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    assert "device" not in there.settings


@pytest.mark.parametrize("make", [every_part, meta_dagger, several])
@pytest.mark.parametrize("away_first", [True, False])
def test_a_checkpoint_goes_on_on_another_device(
    make: Make, away_first: bool, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    whole = make(CPU)
    logs = [whole.step() for _ in range(3)]
    with stand_in_device() as elsewhere:
        first, second = (elsewhere, CPU) if away_first else (CPU, elsewhere)
        cut = make(first)
        for _ in range(2):
            cut.step()
        cut.save(tmp_path / "cut")
        resumed = make(second)
        resumed.load(tmp_path / "cut")
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
