"""A second device for tests on machines that have none.

Its tensors say that they lie elsewhere and are computed with on the CPU, so that every number must
equal the CPU's to the last bit, and its generators give the numbers of the CPU's. What a GPU
refuses is refused: an operation on tensors of two devices, random numbers on one device from a
generator of the other, its tensors as NumPy arrays. So are index tensors and single numbers of the
CPU beside its own, which a GPU bears.

``torch.tensor(…, device=…)`` is not dispatched and fails; ``torch.full`` makes the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["ELSEWHERE", "stand_in_device"]

ELSEWHERE = torch.device("lazy")
"""A name that PyTorch knows, and runs backward passes for without a driver."""

CPU = torch.device("cpu")
MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
"""Operations from one device to another."""


@contextmanager
def stand_in_device() -> Iterator[torch.device]:
    """The device, which exists within."""
    with pytest.MonkeyPatch.context() as patch, _Dispatch():  # type: ignore[no-untyped-call]
        # Fused optimizers look their devices up.
        name, optimizer = "_get_fused_kernels_supported_devices", sys.modules[Optimizer.__module__]
        patch.setattr(optimizer, name, lambda: [CPU.type, ELSEWHERE.type])
        patch.setattr(torch, "Generator", Generator)
        yield ELSEWHERE
        Generator.elsewhere.clear()


class Generator(torch.Generator):
    """A generator of the CPU or of the stand-in device, with the same numbers."""

    elsewhere: ClassVar[dict[int, Generator]] = {}
    """Those of the stand-in device; an operation is given other objects of the same address."""

    def __new__(cls, device: torch.device | str = CPU) -> Generator:
        made = super().__new__(cls, CPU)  # type: ignore[call-arg]
        if torch.device(device) == ELSEWHERE:
            cls.elsewhere[made._cdata] = made  # type: ignore[attr-defined]
        return made


class Elsewhere(Tensor):
    """A tensor of the stand-in device."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        made: Elsewhere = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=ELSEWHERE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _computed(operation, args, kwargs or {})


class _Dispatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _computed(operation, args, kwargs or {})


def _computed(operation: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operation gives, on the device that it belongs to."""
    given = tree_leaves((args, kwargs))
    tensors = [value for value in given if isinstance(value, Tensor)]
    away = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    if 0 < len(away) < len(tensors) and operation not in MOVES:
        raise RuntimeError(f"{operation} was given tensors of two devices.")
    belongs = args[0].device if operation in MOVES else ELSEWHERE if away else CPU
    device = kwargs.get("device") or belongs
    for generator in (value for value in given if isinstance(value, torch._C.Generator)):
        known_elsewhere = generator._cdata in Generator.elsewhere  # type: ignore[attr-defined]
        if known_elsewhere is (device != ELSEWHERE):
            raise RuntimeError(f"{operation} was given a generator of another device.")
    known = {id(tensor.held): tensor for tensor in away}

    def held(value: Any) -> Any:
        if isinstance(value, Elsewhere):
            return value.held
        return CPU if isinstance(value, torch.device) and value == ELSEWHERE else value

    def placed(value: Any) -> Any:
        if id(value) in known:
            return known[id(value)]
        return Elsewhere(value) if isinstance(value, Tensor) and device == ELSEWHERE else value

    return tree_map(placed, operation(*tree_map(held, args), **tree_map(held, dict(kwargs))))
