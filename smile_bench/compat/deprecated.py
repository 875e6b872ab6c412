"""Old names: each works for one more release, with a warning that says what it is called now.

Three tables hold every module that moved and every public name that moved or changed. A finder at
the end of Python's list answers imports of modules that no longer exist; imports of modules that
exist never reach it. A module that lost names but still exists resolves them with one line at its
end::

    if not TYPE_CHECKING:
        __getattr__ = deprecated.getattr_for(__name__)
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from smile_bench.compat.names import GONE, MODULES, NAMES

__all__ = ["getattr_for", "install", "new_place"]

MACHINERY = {"importlib", "_frozen_importlib", "_frozen_importlib_external", "pkgutil"}
"""Packages that import on behalf of others; a warning points at the line that called them."""


def install() -> None:
    """Make imports of moved modules work. Doing it again changes nothing."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())


def new_place(module: str, name: str) -> str | None:
    """Where an old name is now.

    Args:
        module: the module that it was in.
        name: what it was called there.

    Returns:
        ``"module:name"``, or None if nothing has moved. With ``()`` at its end, the old name's
        value is what the function returns.
    """
    stated = NAMES.get(module, {}).get(name)
    if stated is None:
        return f"{MODULES[module]}:{name}" if module in MODULES else None
    place, _, renamed = stated.partition(":")
    return f"{place or MODULES.get(module, module)}:{renamed or name}"


def getattr_for(module: str) -> Callable[[str], Any]:
    """A ``__getattr__`` for a module that exists, which resolves the names that left it.

    Args:
        module: the module's ``__name__``.

    Returns:
        A function of a name that returns the object in its new place.

    Raises:
        AttributeError: the module never had such a name. The returned function raises it.
        ImportError: the name was removed; with what to use instead. Likewise.

    Warns:
        DeprecationWarning: the name has another place now. Likewise.
    """

    def resolve(name: str) -> Any:
        _refuse_gone(module, name)
        place = new_place(module, name)
        if place is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        # ``from package import name`` first asks whether the name exists, then takes it: warn once.
        if sys._getframe(1).f_code.co_name != "_handle_fromlist":
            _warn(
                f"{module}.{name} is now {place.replace(':', '.')}. The old name will be removed."
            )
        return _resolved(place)

    return resolve


class _MovedModules(MetaPathFinder, Loader):
    """Finds modules that moved, as proxies of what they were."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A specification with this loader for a module that moved."""
        if fullname not in MODULES:
            return None
        return ModuleSpec(fullname, self, origin=f"now {MODULES[fullname]}")

    def exec_module(self, module: ModuleType) -> None:
        """Fill a proxy: it imports the new module when a name is first asked for."""
        old = module.__name__
        notice = _notice(old)
        module.__doc__ = notice
        vars(module)["__getattr__"] = _proxy_getattr(old)
        _warn(notice)


def _proxy_getattr(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a proxy; the import has already warned."""

    def resolve(name: str) -> Any:
        if name == "__all__":
            public = importlib.import_module(MODULES[module]).__all__
            return sorted({*public, *NAMES.get(module, {})})
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        _refuse_gone(module, name)
        place = new_place(module, name)
        assert place is not None
        return _resolved(place)

    return resolve


def _notice(module: str) -> str:
    """What the warning for a module says: its new place, and which of its names changed."""
    moved: Mapping[str, str] = NAMES.get(module, {})
    places = [f"{name} is {_shown(new_place(module, name) or '')}" for name in moved]
    details = f" Some of its names changed: {', '.join(places)}." if places else ""
    return f"{module} is now {MODULES[module]}. The old module will be removed.{details}"


def _refuse_gone(module: str, name: str) -> None:
    if advice := GONE.get(module, {}).get(name):
        raise ImportError(f"{module}.{name} was removed: {advice}", name=module)


def _shown(place: str) -> str:
    return place.replace(":", ".").removesuffix(".fget")


def _resolved(place: str) -> Any:
    found = pkgutil.resolve_name(place.removesuffix("()"))
    return found() if place.endswith("()") else found


def _warn(message: str) -> None:
    """Warn at the line that asked for a name, past the import system."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name != __name__ and name.partition(".")[0] not in MACHINERY:
            break
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=str(frame.f_globals.get("__name__", "<unknown>")),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
