"""Random alterations of a file's bytes."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = [
    "HDF5",
    "JSON",
    "TENSORS",
    "Bytes",
    "array_changed",
    "flipped",
    "header_retyped",
    "meaning",
    "one_flipped",
    "overwritten",
    "retyped",
    "truncated",
    "value_replaced",
]

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3, 2**70, 1e308, float("nan"), "", "x", "é" * 3000, [], [[]], {}, {"a": 1},
    [1, "a"], [None] * 50,
)  # fmt: skip
"""Values that take the place of others in JSON."""

TOML = (
    b"true", b"-1", b"0", b"9223372036854775807", b"1e308", b"nan", b'""', b'"x"', b"[]", b"[[]]",
    b"{}", b"{ a = 1 }", b"[1, 'a']", b"1979-05-27", b"'" + b"x" * 3000 + b"'", b"",
)  # fmt: skip
"""Values that take the place of others in TOML."""

Bytes = Callable[[bytes, np.random.Generator], bytes]


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """One to eight flipped bits."""
    altered = bytearray(content)
    for position in rng.integers(len(altered), size=rng.integers(1, 9)):
        altered[position] ^= 1 << int(rng.integers(8))
    return bytes(altered)


def one_flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """One flipped bit."""
    altered = bytearray(content)
    altered[int(rng.integers(len(altered)))] ^= 1 << int(rng.integers(8))
    return bytes(altered)


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    """The beginning."""
    return content[: int(rng.integers(len(content)))]


def overwritten(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to 64 bytes of noise or of zeros near the beginning, where headers lie, or anywhere."""
    altered = bytearray(content)
    start = int(rng.integers(min(len(altered), 4096) if rng.random() < 0.5 else len(altered)))
    size = min(int(rng.integers(1, 65)), len(altered) - start)
    altered[start : start + size] = rng.bytes(size) if rng.random() < 0.7 else bytes(size)
    return bytes(altered)


def retyped(content: bytes, rng: np.random.Generator) -> bytes:
    """JSON with one value replaced, one name removed or one renamed; other content with noise."""
    try:
        document = json.loads(content)
    except ValueError:
        return overwritten(content, rng)
    return json.dumps(_retyped(document, rng)).encode()


def value_replaced(content: bytes, rng: np.random.Generator) -> bytes:
    """TOML with one line's value replaced, or one line removed or written twice."""
    lines = content.splitlines(keepends=True)
    chosen = int(rng.integers(len(lines)))
    key, equals, _ = lines[chosen].partition(b"=")
    if equals and rng.random() < 0.7:
        odd = TOML[int(rng.integers(len(TOML)))]
        lines[chosen] = key + equals + b" " + odd + b"\n"
    else:
        lines[chosen : chosen + 1] = lines[chosen : chosen + 1] * (2 * int(rng.integers(2)))
    return b"".join(lines)


def _retyped(value: Any, rng: np.random.Generator) -> Any:
    """The value with one change at a random depth."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.2:
        return ODD[int(rng.integers(len(ODD)))]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key: Any = keys[int(rng.integers(len(keys)))]
    changed: Any = value.copy()
    if rng.random() < 0.15:
        del changed[key]
    elif rng.random() < 0.1 and isinstance(value, dict):
        changed[f"{key}x"] = changed.pop(key)
    else:
        changed[key] = _retyped(value[key], rng)
    return changed


def header_retyped(content: bytes, rng: np.random.Generator) -> bytes:
    """A safetensors file with one change in its header, or in JSON in its metadata."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    metadata = header.get("__metadata__", {})
    inner = [name for name, text in metadata.items() if text.startswith("{")]
    if inner and rng.random() < 0.7:
        name = inner[int(rng.integers(len(inner)))]
        metadata[name] = json.dumps(_retyped(json.loads(metadata[name]), rng))
    else:
        header = _retyped(header, rng)
    text = json.dumps(header).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def array_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """An HDF5 file with one array or attribute of another kind: size, type, view, link or group."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.h5"
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            names: list[str] = []
            file.visit(names.append)
            arrays = [name for name in names if isinstance(file[name], h5py.Dataset)]
            if rng.random() < 0.3 and len(file.attrs):
                attribute = sorted(file.attrs)[int(rng.integers(len(file.attrs)))]
                _change_attribute(file, attribute, rng)
            else:
                _change_array(file, arrays[int(rng.integers(len(arrays)))], rng)
        return path.read_bytes()


def _change_attribute(file: h5py.File, name: str, rng: np.random.Generator) -> None:
    odd = [3, np.zeros(4), "x" * 5000, "[" * 5000, "{}", "[]", "null", "3", h5py.Empty("f4")]
    if rng.random() < 0.15:
        del file.attrs[name]
    elif str(file.attrs[name]).startswith("{") and rng.random() < 0.6:
        file.attrs[name] = json.dumps(_retyped(json.loads(str(file.attrs[name])), rng))
    else:
        file.attrs[name] = odd[int(rng.integers(len(odd)))]


def _change_array(file: h5py.File, name: str, rng: np.random.Generator) -> None:
    shape, dtype = file[name].shape, file[name].dtype
    kind = int(rng.integers(9))
    del file[name]
    larger = (*shape[:1], *(size * int(rng.integers(1, 2000)) for size in shape[1:]))
    if kind == 0:
        file.create_dataset(name, larger, dtype, chunks=tuple(min(n, 64) for n in larger))
    elif kind == 1:
        file.create_dataset(name, larger, dtype)
    elif kind == 2:
        file.create_dataset(name, data=np.zeros(shape, np.int8))
    elif kind == 3:
        file.create_dataset(name, data=np.full(shape, np.nan, np.float64))
    elif kind == 4:
        file.create_group(name)
    elif kind == 5:
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(".", f"/{name}", shape, dtype)
        file.create_virtual_dataset(name, layout)
    elif kind == 6:
        file[name] = h5py.ExternalLink("other.h5", "/x")
    elif kind == 7:
        file[name] = h5py.SoftLink(f"/{name}")
    # Else it is missing.


HDF5: tuple[Bytes, ...] = (flipped, truncated, overwritten, array_changed)
JSON: tuple[Bytes, ...] = (flipped, truncated, retyped, retyped, overwritten)
TENSORS: tuple[Bytes, ...] = (flipped, truncated, overwritten, header_retyped, header_retyped)


def meaning(name: str, content: bytes) -> Any:
    """What a file says, for comparison: without the parts of its format that mean nothing."""
    suffix = Path(name).suffix
    if suffix == ".json":
        return json.loads(content)
    if suffix == ".safetensors":
        end = 8 + int.from_bytes(content[:8], "little")
        return json.loads(content[8:end]), content[end:]
    if suffix in (".h5", ".hdf5"):
        return _arrays(content)
    return content


def _arrays(content: bytes) -> dict[str, Any]:
    """Everything in an HDF5 file by its path; what cannot be read, as nobody reads it, is None."""
    found: dict[str, Any] = {}
    with h5py.File(io.BytesIO(content), "r") as file:
        waiting: list[tuple[str, Any]] = [("", file)]
        while waiting:
            path, item = waiting.pop()
            for key in item.attrs:
                found[f"{path}@{key}"] = _tried(lambda: str(item.attrs[key]))  # noqa: B023
            if isinstance(item, h5py.Dataset):
                array = _tried(lambda: item[...].tobytes())  # noqa: B023
                found[path] = (str(item.dtype), item.shape, array)
                continue
            for name in item:
                member = _tried(lambda: item[name])  # noqa: B023
                found[f"{path}/{name}"] = member is not None
                waiting += [] if member is None else [(f"{path}/{name}", member)]
    return found


def _tried(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # Whatever h5py raises on damage.
        return None
