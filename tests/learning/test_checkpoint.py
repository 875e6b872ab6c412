"""Checkpoints hold a nested state exactly, and say what is wrong with a file."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from smile_bench.errors import CheckpointError
from smile_bench.learning.checkpoint import (
    FORMAT,
    _digest,
    load_checkpoint,
    load_optimizer,
    save_checkpoint,
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


def test_a_nested_state_comes_back_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    state = {
        "tensor": torch.tensor([[1.0, 2.0]]),
        "array": np.arange(3),
        "by number": {0: {"x": torch.ones(2)}, 7: None},
        "list": [1, 2.5, "text", True, [torch.zeros(())]],
        "rng": rng.bit_generator.state,
        "empty": {},
    }
    save_checkpoint(tmp_path / "c", state)
    loaded = load_checkpoint(tmp_path / "c")
    assert list(loaded) == list(state)
    assert torch.equal(loaded["tensor"], state["tensor"])  # type: ignore[arg-type]
    assert isinstance(loaded["array"], np.ndarray)
    assert loaded["array"].tolist() == [0, 1, 2]
    assert torch.equal(loaded["by number"][0]["x"], torch.ones(2))
    assert loaded["by number"][7] is None
    assert loaded["list"][:4] == [1, 2.5, "text", True]
    assert loaded["list"][4][0].shape == ()
    assert loaded["empty"] == {}
    other = np.random.default_rng(2)
    other.bit_generator.state = loaded["rng"]
    np.testing.assert_array_equal(rng.random(5), other.random(5))


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    shared = torch.arange(4.0)
    state = {"whole": shared, "view": shared[1:3], "n": 1}
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, state)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert load_checkpoint(tmp_path / "a")["view"].tolist() == [1.0, 2.0]


def test_module_and_optimizer_continue_to_the_same_numbers(tmp_path: Path) -> None:
    module, optimizer = trained(3)
    state = {"module": module.state_dict(), "adam": optimizer.state_dict()}
    save_checkpoint(tmp_path / "c", state)
    step(module, optimizer)
    other, other_optimizer = trained(0)
    loaded = load_checkpoint(tmp_path / "c")
    other.load_state_dict(loaded["module"])
    load_optimizer(other_optimizer, loaded["adam"])
    step(other, other_optimizer)
    assert torch.equal(module.weight, other.weight)


def test_tensors_of_another_device_are_stored_from_the_cpu(tmp_path: Path) -> None:
    with stand_in_device() as elsewhere:
        module = torch.nn.Linear(3, 2).to(elsewhere)
        optimizer = torch.optim.Adam(module.parameters(), fused=True)
        module(torch.ones(1, 3, device=elsewhere)).sum().backward()
        optimizer.step()
        state = {"module": module.state_dict(), "adam": optimizer.state_dict()}
        save_checkpoint(tmp_path / "c", state)
        loaded = load_checkpoint(tmp_path / "c")
        assert {value.device.type for value in loaded["module"].values()} == {"cpu"}
        module.load_state_dict(loaded["module"])
        load_optimizer(optimizer, loaded["adam"])
        assert all(p.device == ELSEWHERE for p in module.parameters())
        states = [value for state in optimizer.state.values() for value in state.values()]
        assert all(value.device == ELSEWHERE for value in states)


def test_the_state_of_an_optimizer_of_other_parameters_is_refused() -> None:
    module, optimizer = trained(3)
    state = copy.deepcopy(optimizer.state_dict())
    whole = torch.zeros(sum(p.numel() for p in module.parameters()), requires_grad=True)
    for others in ([whole], list(module.parameters())[:1], list(module.parameters())[::-1]):
        other = torch.optim.Adam(others)
        with pytest.raises(RuntimeError, match="is of another optimizer"):
            load_optimizer(other, state)
        assert not other.state


def test_an_optimizer_keeps_its_own_options(tmp_path: Path) -> None:
    module, optimizer = trained(3)
    save_checkpoint(tmp_path / "c", optimizer.state_dict())
    state = load_checkpoint(tmp_path / "c")
    # Another version of PyTorch may store other options.
    del state["param_groups"][0]["eps"]
    other = torch.optim.Adam(module.parameters(), lr=0.3, betas=(0.5, 0.9))
    load_optimizer(other, state)
    (group,) = other.param_groups
    assert (group["lr"], group["betas"], group["eps"]) == (0.3, (0.5, 0.9), 1e-8)
    for parameter in module.parameters():
        for name, value in optimizer.state[parameter].items():
            assert torch.equal(other.state[parameter][name], value)


@pytest.mark.parametrize("state", [{"x": object()}, {(1, 2): 3}, {"x": {1.5: 2}}])
def test_what_a_checkpoint_cannot_hold_is_refused(tmp_path: Path, state: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(TypeError, match="checkpoint"):
        save_checkpoint(tmp_path / "c", state)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x10" + b"\x00" * 40])
def test_a_damaged_checkpoint_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(CheckpointError, match="Remove the file to start from scratch"):
        load_checkpoint(tmp_path / "c")


def test_a_checkpoint_of_another_version_says_so(tmp_path: Path) -> None:
    document = {"config": {}, "iteration": 3}
    (tmp_path / "c").write_bytes(save({}, {"state": json.dumps(document)}))
    with pytest.raises(CheckpointError, match="another version of smile-bench"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"items": [["x", {"tensor": "5"}]]}, "lacks the tensor '5'"),
        ({"items": [["x", {"a": 1, "b": 2}]]}, "damaged"),
        ({"items": [[[], 1]]}, "damaged"),
        ({"items": 3}, "damaged"),
        ({"list": [1]}, "holds list and not a mapping"),
        (None, "holds NoneType and not a mapping"),
    ],
)
def test_what_is_not_the_tree_of_a_state_is_damaged(
    tmp_path: Path, tree: object, message: str
) -> None:
    document = {"format": FORMAT, "sha256": _digest(tree, {}), "tree": tree}
    (tmp_path / "c").write_bytes(save({}, {"state": json.dumps(document)}))
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path / "c")


def test_every_changed_bit_and_missing_byte_is_found(tmp_path: Path) -> None:
    path, state = tmp_path / "c", {"x": torch.arange(3.0), "n": 3, "y": np.zeros(0), "b": True}
    save_checkpoint(path, state)
    content = path.read_bytes()
    changed = [bytearray(content) for _ in content]
    for place, copied in enumerate(changed):
        copied[place] ^= 1 << place % 8
    cut = [content[:length] for length in range(0, len(content), 5)]
    for damaged in map(bytes, (*changed, *cut)):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)
