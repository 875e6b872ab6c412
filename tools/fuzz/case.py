"""What a reader is fuzzed with: intact files, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from tools.fuzz.alterations import Bytes

__all__ = ["Case"]


class Case:
    """A reader and an intact file for it.

    Args:
        folder: a folder of this case.
    """

    alter: ClassVar[tuple[Bytes, ...]] = ()
    """How its files are altered."""
    silent: ClassVar[str] = ""
    """Why a flipped bit may go unnoticed and change what is read; empty if none may."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.altered: str | None = None
        """The file that is altered now."""
        self.make()
        self.contents = {name: (folder / name).read_bytes() for name in self.files()}

    def make(self) -> None:
        """Write the intact files into the folder."""
        raise NotImplementedError

    def files(self) -> list[str]:
        """The files that are altered."""
        raise NotImplementedError

    def read(self) -> Any:
        """Read the files."""
        raise NotImplementedError
