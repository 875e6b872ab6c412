"""What a computer can compute with, and what is refused where it cannot."""

from __future__ import annotations

import platform
import shutil
import sysconfig
from pathlib import Path

import pytest
import torch

from smile_bench.errors import InputError
from smile_bench.learning import devices
from smile_bench.learning.compute import Compute, hardware
from smile_bench.learning.compute.hardware import find_compute, has_bfloat16, lacks_for_compiling

CPU = torch.device("cpu")


def test_by_default_a_cpu_computes_in_single_precision_on_one_thread() -> None:
    assert find_compute() == Compute()
    assert find_compute(threads=4, graph=False) == Compute(threads=4, graph=False)


def test_bfloat16_needs_instructions_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert not has_bfloat16(CPU)
    with pytest.raises(InputError, match=r"cpu has no instructions for bfloat16.*float32"):
        find_compute(precision="bf16")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert find_compute(precision="bf16") == Compute(precision="bf16")
    # A version of PyTorch that cannot tell has none.
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert not has_bfloat16(CPU)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert isinstance(has_bfloat16(CPU), bool)


def test_this_processor_answers_as_its_flags_say() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    if platform.machine() != "x86_64" or not flags:
        pytest.skip("flags are read on x86 under Linux")
    assert has_bfloat16(CPU) == ("avx512_bf16" in flags or "amx_bf16" in flags)


def test_compiling_is_chosen_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "lacks_for_compiling", lambda device: None)
    assert [find_compute(updates=n).compile for n in (0, 19_999, 20_000)] == [False, False, True]
    assert find_compute(compiled=True).compile
    assert not find_compute(compiled=False, updates=10**6).compile
    monkeypatch.setattr(hardware, "lacks_for_compiling", lambda device: "a C++ compiler")
    assert not find_compute(updates=10**6).compile
    with pytest.raises(InputError, match=r"compiling needs a C\+\+ compiler, and there is none"):
        find_compute(compiled=True)


def test_what_compiling_lacks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    (tmp_path / "Python.h").write_text("")
    paths = {"include": str(tmp_path)}
    monkeypatch.setattr(sysconfig, "get_paths", lambda: paths)
    monkeypatch.setenv("CXX", str(compiler))
    assert lacks_for_compiling(CPU) is None
    paths["include"] = str(tmp_path / "nowhere")
    assert lacks_for_compiling(CPU) == "the headers of Python (Python.h)"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert lacks_for_compiling(CPU) == "a C++ compiler such as g++"


def test_threads_are_a_positive_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for threads in (0, -1, True):
        with pytest.raises(InputError, match=r"cannot simulate on .* threads; give 1 or more"):
            find_compute(threads=threads)
    monkeypatch.setattr(devices, "find_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(hardware, "_processors", lambda: 12)
    monkeypatch.setattr(hardware, "lacks_for_compiling", lambda device: None)
    made = find_compute("cuda", updates=10**6)
    assert (made.threads, made.compile, made.graph) == (12, False, True)
