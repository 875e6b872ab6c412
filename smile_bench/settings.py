"""Settings as text: the fields of nested configurations by dotted names, and how to change them."""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from smile_bench.compat.settings import FORMER_SETTINGS, current_name
from smile_bench.errors import InputError, UnknownNameError, suggestion

__all__ = [
    "AMOUNT",
    "COUNT",
    "DECAY",
    "POSITIVE",
    "SHARE",
    "Range",
    "as_text",
    "flatten",
    "replaced",
    "require_ranges",
]

Config = TypeVar("Config")


@dataclass(frozen=True)
class Range:
    """Which numbers a setting may have."""

    text: str
    """The numbers, for messages."""
    holds: Callable[[float], bool]
    """Whether a number is one of them."""


COUNT = Range("1 or more", lambda value: value >= 1)
AMOUNT = Range("0 or more", lambda value: value >= 0)
POSITIVE = Range("a number above 0", lambda value: value > 0)
SHARE = Range("0 to 1", lambda value: 0 <= value <= 1)
DECAY = Range("0 or more, and less than 1", lambda value: 0 <= value < 1)


def require_ranges(config: Any, ranges: Mapping[Range, Sequence[str]]) -> None:
    """Refuse numbers that a training cannot use.

    Args:
        config: a dataclass, whose fields may be dataclasses.
        ranges: the dotted names of the settings with each range. Of a setting with several numbers
            each counts; None always fits.

    Raises:
        InputError: a number is out of its range.
    """
    known = flatten(config)
    for allowed, names in ranges.items():
        for name in names:
            given = known[name]
            numbers = given if isinstance(given, tuple) else (given,)
            if not all(number is None or allowed.holds(number) for number in numbers):
                raise InputError(f"{name} is {as_text(given)}; give {allowed.text}.")


def flatten(config: Any) -> dict[str, Any]:
    """Every setting of a configuration by its dotted name.

    Args:
        config: a dataclass, whose fields may be dataclasses.

    Returns:
        Values by name, in the order of the fields: ``{"iterations": 40, "sac.discount": 0.98}``.
    """
    found: dict[str, Any] = {}
    for field in (field for field in fields(config) if field.init):
        value = getattr(config, field.name)
        if _is_group(value):
            found |= {f"{field.name}.{name}": inner for name, inner in flatten(value).items()}
        else:
            found[field.name] = value
    return found


def replaced(config: Config, changes: Mapping[str, object]) -> Config:
    """A configuration with some settings changed.

    Args:
        config: a frozen dataclass, whose fields may be frozen dataclasses.
        changes: dotted names and new values, as values or as the text that :func:`as_text` gives.

    Returns:
        A new configuration of the same class.

    Raises:
        UnknownNameError: no such setting; the message has its new name or the closest one.
        InputError: a value of another type than the field has, or one that the configuration
            itself refuses.
    """
    known = flatten(config)
    for name in changes:
        if name not in known:
            raise UnknownNameError(_unknown(name, known))
    by_parts = {tuple(name.split(".")): value for name, value in changes.items()}
    changed: Config = _changed(config, by_parts, "")
    return changed


def as_text(value: object) -> str:
    """A setting's value as :func:`replaced` reads it: ``0.98``, ``true``, ``256,256``, ``none``."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(as_text, value))
    return str(value)


def _is_group(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    if (now := current_name(name, known)) is not None:
        return f"the setting {name!r} is now called {now!r}."
    groups = {known_name.rpartition(".")[0] for known_name in known} - {""}
    if name in groups:
        inside = ", ".join(n for n in known if n.startswith(f"{name}."))
        return f"{name!r} is a group of settings; give one of {inside}."
    problem = f"unknown setting {name!r}."
    if name in FORMER_SETTINGS:
        problem += " Earlier versions had it; it has no successor."
    same = [n for n in known if n.rpartition(".")[2] == name.rpartition(".")[2]]
    close = same or difflib.get_close_matches(name, known, n=1)
    if close:
        return f"{problem} Did you mean {' or '.join(map(repr, close))}?"
    return f"{problem} {suggestion(name, known)}"


def _changed(config: Any, changes: Mapping[tuple[str, ...], object], path: str) -> Any:
    """``config`` with changes by the parts of their names; ``path`` is the group that it is in."""
    hints = get_type_hints(type(config))
    new: dict[str, Any] = {}
    for field in {parts[0]: None for parts in changes}:
        inner = {parts[1:]: value for parts, value in changes.items() if parts[0] == field}
        name = f"{path}{field}"
        if () in inner:
            new[field] = _read(name, inner[()], hints[field])
        else:
            new[field] = _changed(getattr(config, field), inner, f"{name}.")
    return replace(config, **new)


def _read(name: str, given: object, kind: Any) -> Any:
    """A value of the annotated type."""
    text = given if isinstance(given, str) else as_text(given)
    try:
        return _parse(text.strip(), kind)
    except ValueError:
        raise InputError(f"{name} takes {_expected(kind)}; got {text!r}.") from None
    except TypeError:
        raise InputError(
            f"{name} is of a type that cannot be given as text; change it in Python with "
            "dataclasses.replace."
        ) from None


def _parse(text: str, kind: Any) -> Any:
    """Text as a value of a type.

    Raises:
        ValueError: it does not stand for one.
        TypeError: values of the type cannot be given as text.
    """
    if kind in _SCALARS:
        return _SCALARS[kind](text)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _parse_union(text, inner)
    if origin is Literal:
        return _one_of(text, {as_text(choice): choice for choice in inner})
    if origin is tuple:
        parts = [part.strip() for part in text.split(",")] if text else []
        kinds = inner[:1] * len(parts) if inner[-1:] == (...,) else inner
        return tuple(_parse(part, k) for part, k in zip(parts, kinds, strict=True))
    raise TypeError(kind)


def _parse_union(text: str, kinds: tuple[Any, ...]) -> Any:
    if types.NoneType in kinds and text.lower() == "none":
        return None
    problem: Exception = ValueError(text)
    for kind in kinds:
        if kind is not types.NoneType:
            try:
                return _parse(text, kind)
            except (ValueError, TypeError) as error:
                problem = error
    raise problem


def _one_of(text: str, choices: Mapping[str, Any]) -> Any:
    if text not in choices:
        raise ValueError(text)
    return choices[text]


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _truth(text: str) -> bool:
    return bool(_one_of(text.lower(), {"true": True, "false": False}))


_SCALARS: Mapping[Any, Callable[[str], Any]] = {
    bool: _truth,
    int: int,
    float: _finite,
    str: str,
}

_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a finite number",
    str: "text",
    types.NoneType: "none",
}


def _expected(kind: Any) -> str:
    """What a message calls the values of a type."""
    if kind in _NAMES:
        return _NAMES[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(map(as_text, inner))
    if origin is tuple:
        one = inner[0] if inner else str
        many = "any number of values" if inner[-1:] == (...,) else f"{len(inner)} values"
        return f"{many} separated by commas, each {_expected(one)}"
    return " or ".join(map(_expected, inner))
