"""A small schema for JSON from strangers. Each error says what was found, where, and what fits."""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smile_bench.errors import ProtocolError

__all__ = [
    "Amount",
    "Anything",
    "Each",
    "Flag",
    "Integer",
    "Items",
    "Number",
    "Optional",
    "Record",
    "Rule",
    "Text",
    "parse_strictly",
]

LARGEST = 2**53
"""Largest integer that is accepted; many readers of JSON would round a larger one."""


class Rule(ABC):
    """A requirement on a value."""

    @abstractmethod
    def check(self, value: object, where: str) -> None:
        """Check a value.

        Args:
            value: the value, as parsed from JSON.
            where: its place in the document, for the message.

        Raises:
            ProtocolError: the value breaks the rule; the message says where, what was found and
                what is expected.
        """


def refuse(where: str, value: object, expected: str) -> ProtocolError:
    """Make the error for a value that breaks a rule."""
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
    return ProtocolError(f"{where} is {shown}; expected {expected}.")


@dataclass(frozen=True)
class Text(Rule):
    """Printable text."""

    pattern: str = r".+"
    longest: int = 200

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if (
            not isinstance(value, str)
            or len(value) > self.longest
            or not value.isprintable()
            or not re.fullmatch(self.pattern, value)
        ):
            expected = f"at most {self.longest} printable characters that match {self.pattern!r}"
            raise refuse(where, value, expected)


@dataclass(frozen=True)
class Flag(Rule):
    """True or false."""

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if not isinstance(value, bool):
            raise refuse(where, value, "true or false")


@dataclass(frozen=True)
class Integer(Rule):
    """An integer in a range."""

    low: int = 0
    high: int = LARGEST

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if type(value) is not int or not self.low <= value <= self.high:
            raise refuse(where, value, f"an integer from {self.low} to {self.high}")


@dataclass(frozen=True)
class Number(Rule):
    """A finite number with a decimal point or an exponent, at or above a bound."""

    low: float = -math.inf

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if type(value) is not float or not math.isfinite(value) or value < self.low:
            raise refuse(where, value, f"a finite number from {self.low}, such as 1.0")


@dataclass(frozen=True)
class Amount(Rule):
    """A finite number, integer or not, that is not negative."""

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if type(value) not in (int, float) or not 0 <= value <= LARGEST:  # type: ignore[operator]
            raise refuse(where, value, "a finite number that is not negative")


@dataclass(frozen=True)
class Each(Rule):
    """A mapping with any names; each value follows a rule."""

    rule: Rule
    most: int = 100

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if not isinstance(value, dict) or len(value) > self.most:
            raise refuse(where, value, f"a mapping of at most {self.most} names")
        for name, item in value.items():
            self.rule.check(item, f"{where}.{name}")


@dataclass(frozen=True)
class Optional(Rule):
    """Null, or a value that follows another rule."""

    rule: Rule

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if value is not None:
            self.rule.check(value, where)


@dataclass(frozen=True)
class Items(Rule):
    """A list that is not empty; each item follows a rule."""

    rule: Rule
    most: int = 100_000

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise refuse(where, value, f"a list of 1 to {self.most} items")
        for number, item in enumerate(value):
            self.rule.check(item, f"{where}[{number}]")


@dataclass(frozen=True)
class Record(Rule):
    """A mapping with exactly these fields; the optional ones may be missing."""

    fields: Mapping[str, Rule]
    optional: Mapping[str, Rule] = field(default_factory=dict)

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if not isinstance(value, dict):
            raise refuse(where, value, f"a mapping with {', '.join(self.fields)}")
        if missing := sorted(set(self.fields) - set(value)):
            raise ProtocolError(f"{where} lacks {', '.join(missing)}.")
        known = {**self.fields, **self.optional}
        for name, item in value.items():
            if name not in known:
                raise ProtocolError(
                    f"{where} has an unknown field {name[:60]!r}; known are {', '.join(known)}."
                )
            known[name].check(item, f"{where}.{name}")


@dataclass(frozen=True)
class Anything(Rule):
    """A mapping of any JSON data within bounds; some fields may have rules of their own."""

    known: Mapping[str, Rule] = field(default_factory=dict)
    most: int = 1000
    """Largest number of values in total."""
    deepest: int = 8
    text: Rule = field(default_factory=lambda: Text(pattern=r".*", longest=2000))

    def check(self, value: object, where: str) -> None:
        """As :meth:`Rule.check`."""
        if not isinstance(value, dict):
            raise refuse(where, value, "a mapping")
        values = self._walk(value, where, 0)
        if values > self.most:
            raise ProtocolError(
                f"{where} holds {values} values; more than {self.most} are refused."
            )
        for name, rule in self.known.items():
            if name in value:
                rule.check(value[name], f"{where}.{name}")

    def _walk(self, value: object, where: str, depth: int) -> int:
        """Check everything in a value and return the number of values in it."""
        if depth > self.deepest:
            raise ProtocolError(f"{where} is nested deeper than {self.deepest}.")
        if isinstance(value, dict):
            for name in value:
                self.text.check(name, f"a name in {where}")
            inner = ((item, f"{where}.{name}") for name, item in value.items())
            return 1 + sum(self._walk(item, path, depth + 1) for item, path in inner)
        if isinstance(value, list):
            return 1 + sum(
                self._walk(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)
            )
        if isinstance(value, str):
            self.text.check(value, where)
        elif type(value) is int:
            Integer(low=-LARGEST).check(value, where)
        elif type(value) is float:
            Number().check(value, where)
        return 1


def parse_strictly(text: str, where: str) -> Any:
    """Parse JSON that has no repeated names, no NaN or infinity, and no excessive nesting.

    Args:
        text: the JSON text.
        where: what the text is, for the message.

    Raises:
        ProtocolError: the text is not such JSON; the message says why.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            twice = counts.most_common(1)[0][0]
            raise ProtocolError(f"{where} has the field {twice[:60]!r} twice.")
        return found

    def constant(name: str) -> Any:
        raise ProtocolError(f"{where} holds {name}, which is not a JSON number.")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ProtocolError):
            raise
        raise ProtocolError(f"{where} is not JSON: {error}.") from error
