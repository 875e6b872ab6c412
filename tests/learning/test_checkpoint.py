from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from smile_bench.errors import CheckpointError
from smile_bench.learning.checkpoint import (
    load_checkpoint,
    pack_generator,
    pack_module,
    pack_optimizer,
    save_checkpoint,
    unpack_generator,
    unpack_module,
    unpack_optimizer,
)
from tests.helpers.stand_in import ELSEWHERE, stand_in_device


def trained(steps: int) -> tuple[torch.nn.Linear, torch.optim.Adam]:
    module = torch.nn.Linear(3, 2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.5)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    for _ in range(steps):
        step(module, optimizer)
    return module, optimizer


def step(module: torch.nn.Linear, optimizer: torch.optim.Adam) -> None:
    optimizer.zero_grad()
    module(torch.ones(1, 3)).square().sum().backward()
    optimizer.step()


def test_module_and_optimizer_go_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    module, optimizer = trained(3)
    tensors = pack_module("module", module) | pack_optimizer("adam", optimizer)
    save_checkpoint(tmp_path / "c", tensors, {"iteration": 3})
    step(module, optimizer)
    other, other_optimizer = trained(0)
    loaded, state = load_checkpoint(tmp_path / "c")
    unpack_module("module", other, loaded)
    unpack_optimizer("adam", other_optimizer, loaded)
    assert state == {"iteration": 3}
    step(other, other_optimizer)
    assert torch.equal(module.weight, other.weight)


def test_what_lies_on_another_device_is_stored_from_the_cpu(tmp_path: Path) -> None:
    with stand_in_device() as elsewhere:
        module = torch.nn.Linear(3, 2).to(elsewhere)
        optimizer = torch.optim.Adam(module.parameters(), fused=True)
        module(torch.ones(1, 3, device=elsewhere)).sum().backward()
        optimizer.step()
        packed = pack_module("module", module) | pack_optimizer("adam", optimizer)
        save_checkpoint(tmp_path / "c", {**packed, "bare": module.weight}, {})
        loaded, _ = load_checkpoint(tmp_path / "c")
        assert {value.device.type for value in (*packed.values(), *loaded.values())} == {"cpu"}
        unpack_module("module", module, loaded)
        unpack_optimizer("adam", optimizer, loaded)
        assert all(p.device == ELSEWHERE for p in module.parameters())
        states = [value for state in optimizer.state.values() for value in state.values()]
        assert all(value.device == ELSEWHERE for value in states)
    assert torch.equal(loaded["bare"], loaded["module.weight"])


def test_the_state_of_an_optimizer_of_other_parameters_is_refused() -> None:
    module, optimizer = trained(3)
    packed = pack_optimizer("adam", optimizer)
    whole = torch.zeros(sum(p.numel() for p in module.parameters()), requires_grad=True)
    for others in ([whole], list(module.parameters())[:1], list(module.parameters())[::-1]):
        other = torch.optim.Adam(others)
        with pytest.raises(RuntimeError, match=r"adam.* is of another optimizer"):
            unpack_optimizer("adam", other, packed)
        assert not other.state


def test_a_generator_goes_on_with_the_same_numbers() -> None:
    generator, other = np.random.default_rng(1), np.random.default_rng(2)
    generator.random(5)
    unpack_generator(other, pack_generator(generator))
    np.testing.assert_array_equal(generator.random(5), other.random(5))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x10" + b"\x00" * 40])
def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(CheckpointError, match="Remove the file to start anew"):
        load_checkpoint(tmp_path / "c")
