"""Study files: TOML, checked, with the line of what is wrong."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smile_bench.baselines.registry import all_agents, get_agent
from smile_bench.datasets import Condition
from smile_bench.datasets.subsets import task_order
from smile_bench.envs import all_families, get_family
from smile_bench.errors import (
    InputError,
    SmileError,
    StudyError,
    UnknownNameError,
    clipped,
    shown,
    suggestion,
)
from smile_bench.io.files import read_bounded
from smile_bench.seeds import checked_seeds, parse_seeds
from smile_bench.settings import as_text, flatten, replaced
from smile_bench.studies.study import Cell, Study

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["parse_study", "read_study"]

LIMIT = 1 << 20
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
PRECISIONS = ("float32", "bf16")
SHARED = ("seeds", "together", "precision")
"""Keys of a cell that may stand above all cells."""
TOP = ("name", "description", "import", "cells", *SHARED)
CELL = ("families", "agents", "conditions", "settings", *SHARED)


def read_study(path: str | Path) -> Study:
    """Read a study file.

    Raises:
        StudyError: the file is missing, not TOML, or has a key, family, agent, condition or setting
            that does not exist; the message has the line.
    """
    content = read_bounded(Path(path), LIMIT, StudyError)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not UTF-8: {error}.") from error
    return parse_study(text, str(path))


def parse_study(text: str, source: str) -> Study:
    """Read a study from the text of its file.

    Args:
        text: the TOML.
        source: what messages call it.

    Raises:
        StudyError: as :func:`read_study`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{source} is not TOML: {error}.") from error
    reader = _Reader(text, source)
    reader.keys(document, TOP)
    name = document.get("name")
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise reader.wrong("name", f"name is {shown(name)}; give letters, digits, '-', '_' or '.'")
    modules = reader.texts(document, "import")
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise reader.wrong(module, f"cannot import {module!r}: {error}") from error
    entries = document.get("cells")
    if not isinstance(entries, list) or not entries:
        raise reader.wrong("cells", "there are no cells; give at least one [[cells]]")
    defaults: dict[str, Any] = {key: document[key] for key in SHARED if key in document}
    found = [cell for entry in entries for cell in reader.cells(entry, defaults)]
    return Study(
        name=name,
        description=str(document.get("description", "")),
        cells=tuple(_merged(found)),
        modules=tuple(modules),
        text=text,
    )


def _merged(cells: Iterable[Cell]) -> list[Cell]:
    """Every cell once, with the seeds of all entries that give it."""
    by_id: dict[str, Cell] = {}
    for cell in cells:
        known = by_id.get(cell.id, cell)
        seeds = tuple(dict.fromkeys((*known.seeds, *cell.seeds)))
        by_id[cell.id] = replace(known, seeds=seeds)
    return list(by_id.values())


class _Reader:
    """Reads the entries of a file and says where they are wrong."""

    def __init__(self, text: str, source: str) -> None:
        self.lines, self.source = text.splitlines(), source

    def wrong(self, what: object, problem: str) -> StudyError:
        """The error about a part of the file, with its line where the text stands once or first."""
        found = [n for n, line in enumerate(self.lines, 1) if str(what) in line.partition("#")[0]]
        where = f"{self.source}, line {found[0]}" if found else self.source
        return StudyError(f"{where}: {problem.rstrip('.')}.")

    def keys(self, given: Mapping[str, Any], known: Sequence[str]) -> None:
        """Refuse keys that do not exist."""
        for key in given:
            if key not in known:
                raise self.wrong(key, f"unknown key {shown(key)}. {suggestion(key, known)}")

    def texts(self, given: Mapping[str, Any], key: str) -> list[str]:
        """A text or a list of texts."""
        value = given.get(key, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise self.wrong(key, f"{key} is {shown(value)}; give a list of names")
        return values

    def cells(self, entry: Any, defaults: Mapping[str, Any]) -> list[Cell]:
        """The grid of one entry."""
        if not isinstance(entry, dict):
            raise self.wrong("cells", "cells are tables; write [[cells]] above their keys")
        self.keys(entry, CELL)
        whole = {**defaults, **entry}
        agents, families = (
            self.names(whole, "agents", all_agents()),
            self.names(whole, "families", all_families()),
        )
        seeds, together = self.seeds(whole), self.together(whole)
        found = []
        for agent, family, condition, changes in itertools.product(
            agents, families, self.conditions(whole), self.settings(whole)
        ):
            trained = get_agent(agent).training is not None
            self.check(agent, family, condition, changes)
            cell = Cell(
                agent=agent,
                family=family,
                condition=condition[1] if trained else Condition(),
                changes=self.canonical(agent, family, changes) if trained else (),
                seeds=seeds if trained else seeds[:1],
                together=together,
                precision=self.precision(whole) if trained else "float32",
            )
            found.append(cell)
        return found

    def names(self, given: Mapping[str, Any], key: str, known: Mapping[str, Any]) -> list[str]:
        """Names that exist."""
        names = self.texts(given, key)
        if not names:
            raise self.wrong("[[cells]]", f"a cell lacks {key}; give a list of names")
        for name in names:
            if name not in known:
                what = {"agents": "agent", "families": "family"}[key]
                raise self.wrong(
                    f'"{name}"', f"unknown {what} {shown(name)}. {suggestion(name, known)}"
                )
        return names

    def conditions(self, given: Mapping[str, Any]) -> list[tuple[Any, Condition]]:
        """Conditions in words or as tables, each with what stands in the file."""
        value = given.get("conditions", ["canonical"])
        values = value if isinstance(value, list) else [value]
        found = []
        for one in values:
            try:
                if isinstance(one, str):
                    found.append((one, Condition.parse(one)))
                elif isinstance(one, dict):
                    self.keys(one, ("demonstrations", "tasks", "subsample", "variant"))
                    found.append((next(iter(one), "conditions"), Condition(**one)))
                else:
                    raise self.wrong("conditions", f"{shown(one)} is not a condition")
            except (InputError, UnknownNameError) as error:
                part = one if isinstance(one, str) else "conditions"
                raise self.wrong(part, str(error)) from error
        return found

    def settings(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Alternatives of changed settings, each by dotted names."""
        value = given.get("settings", {})
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(one, dict) for one in values):
            raise self.wrong("settings", f"settings are {shown(value)}; give tables")
        return [dict(_dotted(one)) for one in values]

    def check(
        self, agent: str, family: str, condition: tuple[Any, Condition], changes: Mapping[str, Any]
    ) -> None:
        """Refuse a condition or settings that the agent cannot have on the family."""
        training = get_agent(agent).training
        try:
            condition[1].on(family)
            task_order(get_family(family))
        except SmileError as error:
            raise self.wrong(condition[0], str(error)) from error
        if training is None:
            if changes:
                raise self.wrong(next(iter(changes)), f"{agent} is not trained and has no settings")
            return
        try:
            preset = training.make_preset(family, 0)
        except SmileError as error:
            raise self.wrong(f'"{agent}"', str(error)) from error
        for name, setting in changes.items():
            if name in ("seed", "family"):
                raise self.wrong(name, f"{name} is not a setting; give it as a key of the cell")
            try:
                replaced(preset, {name: setting})
            except SmileError as error:
                raise self.wrong(name.rpartition(".")[2], str(error)) from error

    def canonical(
        self, agent: str, family: str, changes: Mapping[str, Any]
    ) -> tuple[tuple[str, str], ...]:
        """The settings that differ from the preset, sorted, as text."""
        training = get_agent(agent).training
        assert training is not None
        preset = training.make_preset(family, 0)
        usual = flatten(preset)
        try:
            changed = flatten(replaced(preset, changes))
        except SmileError as error:
            raise self.wrong("settings", str(error)) from error
        rows = ((name, as_text(value)) for name, value in changed.items())
        return tuple(sorted((n, value) for n, value in rows if value != as_text(usual[n])))

    def seeds(self, given: Mapping[str, Any]) -> tuple[int, ...]:
        """Seeds as text, a list, or one number."""
        value = given.get("seeds", 0)
        try:
            if isinstance(value, str):
                return parse_seeds(value)
            return checked_seeds(value if isinstance(value, list) else [value])
        except InputError as error:
            raise self.wrong("seeds", clipped(str(error))) from error

    def together(self, given: Mapping[str, Any]) -> int | None:
        """How many seeds are one computation."""
        value = given.get("together")
        if value is not None and (type(value) is not int or value < 1):
            raise self.wrong(
                "together", f"together is {shown(value)}; give a whole number, 1 or more"
            )
        return value

    def precision(self, given: Mapping[str, Any]) -> str:
        """Of products in training."""
        value = given.get("precision", "float32")
        if value not in PRECISIONS:
            raise self.wrong(
                "precision", f"precision is {shown(value)}; give {' or '.join(PRECISIONS)}"
            )
        return str(value)


def _dotted(table: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    """The values of nested tables by dotted names, lists as tuples."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", tuple(value) if isinstance(value, list) else value
