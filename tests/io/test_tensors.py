"""Reading safetensors files: whatever is in them, tensors and metadata or one clear error."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from smile_bench.errors import ExpertError, UnknownNameError
from smile_bench.io.tensors import TensorFile, read_tensors, write_tensors

REMEDY = "Train it again."


def header(content: Any, body: bytes = b"") -> bytes:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(data)) + data + body


def tensor(dtype: str, shape: list[int], size: int) -> bytes:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}
    return header({"a": entry}, bytes(min(size, 64)))


def read(path: Path, **options: Any) -> TensorFile:
    return read_tensors(path, "an expert", ExpertError, remedy=REMEDY, **options)


def test_tensors_and_metadata_come_as_they_were_written(tmp_path: Path) -> None:
    path, array = tmp_path / "x", np.arange(6.0).reshape(2, 3)
    path.write_bytes(save({"a": array}, {"format": "f", "d": '{"k": [1]}'}))
    file = read(path, formats=("e", "f"))
    np.testing.assert_array_equal(file.tensor("a"), array)
    assert (file.text("format"), file.document("d")) == ("f", {"k": [1]})
    assert torch.equal(read(path, framework="pt").tensor("a"), torch.from_numpy(array))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        struct.pack("<Q", 2**63) + b"{}",
        header(b"{{{"),
        header([]),
        header(b"[" * 100_000),
        header(b"\xff\xfe{}"),
        header({"__metadata__": {"format": 1}}),
        tensor("F32", [2], 400),
        tensor("F32", [-2], 8),
        tensor("F32", [2**62, 2**62], 8),
        tensor("Q9", [2], 8),
        tensor("BF16", [2], 4),
        tensor("F8_E4M3", [2], 2),
    ],
)
def test_damaged_and_odd_files_are_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ExpertError, match=rf"cannot read an expert from {path}.*{REMEDY}"):
        read(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExpertError, match="there is no such file"):
        read(tmp_path / "missing")
    with pytest.raises(ExpertError, match="cannot read"):
        read(tmp_path)


def test_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for metadata in (None, {}, {"format": "g"}):
        path.write_bytes(save({"a": np.zeros(1)}, metadata))
        with pytest.raises(ExpertError, match=r"does not hold an expert \(format e or f\)"):
            read(path, formats=("e", "f"))


def test_what_a_file_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    deep = "[" * 100_000
    path.write_bytes(save({"b": np.zeros(1)}, {"list": "[1]", "text": "{", "deep": deep}))
    file = read(path)
    for look, message in (
        (lambda: file.tensor("a"), "lacks the tensor 'a'"),
        (lambda: file.text("a"), "states no 'a'"),
        (lambda: file.document("a"), "states no 'a'"),
        (lambda: file.document("text"), "'text' is not JSON"),
        (lambda: file.document("deep"), "'deep' is not JSON"),
        (lambda: file.document("list"), "'list' is not a JSON object"),
    ):
        with pytest.raises(ExpertError, match=message):
            look()


def test_what_does_not_fit_together_is_the_file_s_fault(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(save({"a": np.zeros(1)}))
    for wrong in (
        TypeError("odd"),
        KeyError("odd"),
        RuntimeError("odd"),
        ValueError("odd"),
        OverflowError("odd"),
        UnknownNameError("odd"),
    ):
        with pytest.raises(ExpertError, match=rf"odd.*{REMEDY}"), read(path).understanding():
            raise wrong
    with pytest.raises(ExpertError, match=r"^as it is$"), read(path).understanding():
        raise ExpertError("as it is")


@pytest.mark.parametrize("framework", ["numpy", "pt"])
def test_the_same_content_is_written_to_the_same_bytes(tmp_path: Path, framework: str) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensors: dict[str, Any] = {"b": array, "a": array[0].copy()}
    if framework == "pt":
        tensors = {name: torch.from_numpy(value) for name, value in tensors.items()}
    metadata = {name: name * 20 for name in "kqzabcdefg"}
    written = set()
    for number in range(20):
        write_tensors(tmp_path / str(number), tensors, metadata, framework=framework)
        written.add((tmp_path / str(number)).read_bytes())
    assert len(written) == 1
    file = read(tmp_path / "0")
    assert file.metadata == metadata
    np.testing.assert_array_equal(file.tensor("b"), array)
    write_tensors(tmp_path / "plain", tensors, framework=framework)
    assert read(tmp_path / "plain").metadata == {}
