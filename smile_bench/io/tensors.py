"""Safetensors files: read as tensors and metadata or one clear error; written to equal bytes."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from smile_bench.errors import SmileError, clipped
from smile_bench.io.files import write_atomically
from smile_bench.io.shipped import require_unaltered

__all__ = ["CONTENT_ERRORS", "TensorFile", "read_tensors", "write_tensors"]

CONTENT_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What code raises that is given wrong types, names, values or shapes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorFile:
    """Content of a safetensors file. Asking for something that it lacks raises ``error``."""

    path: Path
    what: str
    """What the file should hold, for messages."""
    error: type[SmileError]
    remedy: str
    """What to do about a damaged file, for messages."""
    tensors: dict[str, Any]
    """NumPy arrays or PyTorch tensors, by name."""
    metadata: dict[str, str]

    def tensor(self, name: str) -> Any:
        """Return a tensor.

        Raises:
            SmileError: the file has no tensor of this name.
        """
        if name not in self.tensors:
            raise self.damaged(f"it lacks the tensor {name!r}")
        return self.tensors[name]

    def text(self, name: str) -> str:
        """Return an entry of the metadata.

        Raises:
            SmileError: the metadata has no such entry.
        """
        if name not in self.metadata:
            raise self.damaged(f"it states no {name!r}")
        return self.metadata[name]

    def document(self, name: str) -> dict[str, Any]:
        """Return an entry of the metadata that is a JSON object.

        Raises:
            SmileError: the metadata has no such entry, or the entry is not a JSON object.
        """
        text = self.text(name)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as cause:
            raise self.damaged(f"its {name!r} is not JSON ({cause})") from cause
        if not isinstance(document, dict):
            raise self.damaged(f"its {name!r} is not a JSON object")
        return document

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Report an error inside this block as a damaged file.

        Raises:
            SmileError: of type ``error``, in place of :data:`CONTENT_ERRORS` and of other errors of
                smile-bench.
        """
        try:
            yield
        except (SmileError, *CONTENT_ERRORS) as cause:
            if isinstance(cause, self.error):
                raise
            raise self.damaged(str(cause) or type(cause).__name__) from cause

    def damaged(self, why: str) -> SmileError:
        """Make the error for a file that does not hold what it should."""
        return _unreadable(self.path, self.what, self.error, self.remedy, why)


def read_tensors(
    path: Path,
    what: str,
    error: type[SmileError],
    *,
    formats: tuple[str, ...] = (),
    framework: str = "numpy",
    remedy: str = "",
) -> TensorFile:
    """Read all of a safetensors file.

    Args:
        path: the file.
        what: what the file should hold, for messages, such as ``"a checkpoint"``.
        error: type of the errors to raise.
        formats: the values of ``"format"`` in its metadata that are accepted; empty for any.
        framework: ``"numpy"``, or ``"pt"`` for PyTorch tensors.
        remedy: a sentence on what to do about a damaged file.

    Raises:
        SmileError: the file is missing, damaged or of another format, or ships with smile-bench and
            was altered; its type is ``error``.
    """
    require_unaltered(path, error)
    try:
        with safe_open(path, framework=framework) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as cause:
        raise error(f"cannot read {what} from {path}: there is no such file.") from cause
    # The last two come from element types that NumPy does not have.
    except (OSError, SafetensorError, AttributeError, TypeError) as cause:
        raise _unreadable(path, what, error, remedy, str(cause)) from cause
    if formats and metadata.get("format") not in formats:
        raise error(f"{path} does not hold {what} (format {' or '.join(formats)}).")
    return TensorFile(
        path=path, what=what, error=error, remedy=remedy, tensors=tensors, metadata=metadata
    )


def write_tensors(
    path: Path,
    tensors: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
    *,
    framework: str = "numpy",
) -> None:
    """Write a safetensors file, whole or not at all; the same content gives the same bytes.

    Args:
        path: the file.
        tensors: NumPy arrays or PyTorch tensors, by name.
        metadata: text by name.
        framework: ``"numpy"``, or ``"pt"`` for PyTorch tensors.
    """
    module = {"numpy": "safetensors.numpy", "pt": "safetensors.torch"}[framework]
    content: bytes = pkgutil.resolve_name(f"{module}:save")(dict(tensors))
    write_atomically(path, _with_metadata(content, metadata) if metadata else content)


def _with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Add metadata in its own order to a file; safetensors itself would order it at random."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(metadata), **json.loads(content[8:end])}
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def _unreadable(
    path: Path, what: str, error: type[SmileError], remedy: str, why: str
) -> SmileError:
    return error(f"cannot read {what} from {path}: damaged, {clipped(why)}. {remedy}".rstrip())
