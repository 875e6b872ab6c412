"""Devices: which there are, and how arrays get there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.errors import InputError
from smile_bench.learning.devices import CPU, describe, find_device, index, to_device
from tests.helpers.stand_in import stand_in_device


def test_the_stand_in_refuses_what_a_gpu_refuses() -> None:
    with stand_in_device() as elsewhere:
        there, here = torch.zeros(3, device=elsewhere), torch.zeros(3)
        assert there.device == elsewhere
        assert (there + 1.0).cpu().tolist() == [1.0, 1.0, 1.0]
        with pytest.raises(RuntimeError, match="two devices"):
            torch.add(there, here)
        with pytest.raises(RuntimeError, match="two devices"):
            there.index_select(0, torch.tensor([1]))
        ours, theirs = torch.Generator(), torch.Generator(elsewhere)
        for generator, device in ((ours, elsewhere), (theirs, CPU)):
            with pytest.raises(RuntimeError, match="generator of another device"):
                torch.rand(2, generator=generator, device=device)
            with pytest.raises(RuntimeError, match="generator of another device"):
                torch.zeros(2, device=device).normal_(generator=generator)
        numbers = torch.zeros(2, device=elsewhere).normal_(generator=theirs.manual_seed(3))
        assert torch.equal(numbers.cpu(), torch.zeros(2).normal_(generator=ours.manual_seed(3)))
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
