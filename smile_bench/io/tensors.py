"""Reading safetensors files: tensors and metadata, or one clear error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from smile_bench.errors import SmileError

__all__ = ["TensorFile", "read_tensors"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorFile:
    """What a safetensors file holds. Everything that it lacks is an error of the type asked for."""

    path: Path
    what: str
    """What it is supposed to hold, for messages."""
    error: type[SmileError]
    remedy: str
    """What to do about a damaged file, for messages."""
    tensors: dict[str, Any]
    """NumPy arrays or PyTorch tensors, as they were asked for."""
    metadata: dict[str, str]

    def tensor(self, name: str) -> Any:
        """A tensor.

        Raises:
            SmileError: there is none of this name.
        """
        if name not in self.tensors:
            raise self.damaged(f"it lacks the tensor {name!r}")
        return self.tensors[name]

    def text(self, name: str) -> str:
        """An entry of the metadata.

        Raises:
            SmileError: there is none of this name.
        """
        if name not in self.metadata:
            raise self.damaged(f"it states no {name!r}")
        return self.metadata[name]

    def document(self, name: str) -> dict[str, Any]:
        """An entry of the metadata that is a JSON object.

        Raises:
            SmileError: there is none of this name, or it is no JSON object.
        """
        text = self.text(name)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as cause:
            raise self.damaged(f"its {name!r} is no JSON ({cause})") from cause
        if not isinstance(document, dict):
            raise self.damaged(f"its {name!r} is no JSON object")
        return document

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Whatever in this block does not fit together is the file's fault.

        Raises:
            SmileError: in place of the errors that wrong types, names, values and shapes make.
        """
        try:
            yield
        except SmileError:
            raise
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as cause:
            raise self.damaged(str(cause) or type(cause).__name__) from cause

    def damaged(self, why: str) -> SmileError:
        """The error to raise of a file that does not hold what it should."""
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
    """Read a safetensors file whole.

    Args:
        path: the file.
        what: what it is supposed to hold, for messages, such as ``"a checkpoint"``.
        error: type of the errors to raise.
        formats: what its metadata may state as ``"format"``; anything, if empty.
        framework: ``"numpy"``, or ``"pt"`` for PyTorch tensors.
        remedy: a sentence that says what to do about a damaged file.

    Raises:
        SmileError: of type ``error``; the file is missing, damaged or of another format.
    """
    try:
        with safe_open(path, framework=framework) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as cause:
        raise error(f"can not read {what} from {path}: there is no such file.") from cause
    # The last two are of element types that NumPy does not have.
    except (OSError, SafetensorError, AttributeError, TypeError) as cause:
        raise _unreadable(path, what, error, remedy, str(cause)) from cause
    if formats and metadata.get("format") not in formats:
        raise error(f"{path} does not hold {what} (format {' or '.join(formats)}).")
    return TensorFile(
        path=path, what=what, error=error, remedy=remedy, tensors=tensors, metadata=metadata
    )


def _unreadable(
    path: Path, what: str, error: type[SmileError], remedy: str, why: str
) -> SmileError:
    return error(f"can not read {what} from {path}: damaged, {why}. {remedy}".rstrip())
