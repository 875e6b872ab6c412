"""The links at the repository's root: importing through them reaches this package, not a copy."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["follow_link"]


def follow_link(name: str, real: str) -> None:
    """Make a package that was imported through a link the real one; each linked one calls this.

    ``datasets``, ``envs`` and ``baselines`` at the root of the repository are links to folders of
    this package. A Python that was started there finds them as top-level packages. Without this
    function it would execute their modules a second time, so that classes and caches exist twice.

    Args:
        name: the package's ``__name__``. Nothing happens if it is ``real``.
        real: what the package is called inside smile-bench.

    Warns:
        UserWarning: the package was imported as ``name``, perhaps in place of another package.
    """
    if name == real:
        return
    warnings.warn(
        f"`import {name}` found the link at the root of the smile-bench repository and gives "
        f"{real}. Write `import {real}`; if you meant another package called {name!r}, start "
        "Python in another folder.",
        stacklevel=3,
    )
    finder = _LinkFinder(name, real)
    sys.meta_path.insert(0, finder)
    finder.exec_module(sys.modules[name])


class _LinkFinder(MetaPathFinder, Loader):
    """Finds the modules of a linked package under their real names."""

    def __init__(self, name: str, real: str) -> None:
        self.name, self.real = name, real

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A specification with this loader for modules inside the linked package."""
        inside = fullname.startswith(f"{self.name}.")
        return ModuleSpec(fullname, self) if inside else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the real module in the place of ``module``; the import system hands that out."""
        alias = module.__name__
        sys.modules[alias] = importlib.import_module(self.real + alias.removeprefix(self.name))
