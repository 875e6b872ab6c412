"""What this computer can compute with, and the choice that follows for a training."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sysconfig
from pathlib import Path

import torch

from smile_bench.errors import InputError, require_known, shown
from smile_bench.learning import devices
from smile_bench.learning.compute import PRECISIONS, Compute

__all__ = ["find_compute", "has_bfloat16", "lacks_for_compiling"]

LONG = 20_000
"""Updates from which compiling pays: it takes a minute and saves a fifth of a CPU's time."""


def find_compute(
    device: str = "cpu",
    *,
    graph: bool = True,
    compiled: bool | None = None,
    precision: str = "float32",
    threads: int | None = None,
    updates: int = 0,
) -> Compute:
    """How to compute on a device.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        graph: whether a GPU replays the updates as one CUDA graph.
        compiled: whether losses are compiled; None for yes where it pays: on a CPU with a compiler,
            from 20 000 updates on.
        precision: of products in training, ``"float32"`` or ``"bf16"``.
        threads: native threads of the simulators; None for one on the CPU and, beside a GPU, for
            one per available processor.
        updates: of all trainings of the run together.

    Raises:
        InputError: there is no such device, it cannot compute in this precision, there is no
            compiler, or the number of threads is below 1.
        UnknownNameError: no such precision.
    """
    place = devices.find_device(device)
    require_known("precision", [precision], PRECISIONS)
    if precision == "bf16" and not has_bfloat16(place):
        raise InputError(
            f"{devices.describe(place)} has no instructions for bfloat16 products, which would be "
            "slower than single precision. Use --precision float32."
        )
    lacking = lacks_for_compiling(place)
    if compiled and lacking is not None:
        raise InputError(
            f"compiling needs {lacking}, and there is none here. Install it, or use --no-compile."
        )
    if compiled is None:
        compiled = place.type == "cpu" and lacking is None and updates >= LONG
    if threads is not None and (type(threads) is not int or threads < 1):
        raise InputError(f"cannot simulate on {shown(threads)} threads; give 1 or more.")
    if threads is None:
        threads = 1 if place.type == "cpu" else _processors()
    return Compute(
        device=place, graph=graph, compile=compiled, precision=precision, threads=threads
    )


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for products in bfloat16, and does not emulate them."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        # oneDNN emulates bfloat16 on processors without these.
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(_answer(torch.cpu, name) for name in names)
    return _answer(torch.ops.mkldnn, "_is_mkldnn_bf16_supported")


def lacks_for_compiling(device: torch.device) -> str | None:
    """What compiling for the device lacks here, for messages; None if nothing."""
    if shutil.which(os.environ.get("CXX", "g++")) is None and shutil.which("clang++") is None:
        return "a C++ compiler such as g++"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return "the headers of Python (Python.h)"
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return "the package triton"
    return None


def _answer(module: object, name: str) -> bool:
    """What a function of PyTorch says that not every version has."""
    try:
        return bool(getattr(module, name)())
    except (AttributeError, RuntimeError):
        return False


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
