"""Study files: TOML, checked, with the line of what is wrong."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from smile_bench.errors import StudyError, clipped, shown
from smile_bench.io.files import read_bounded
from smile_bench.studies.entries import SHARED, read_entry, require_keys, texts
from smile_bench.studies.lines import Lines
from smile_bench.studies.study import Cell, Study

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["parse_study", "read_study"]

LIMIT = 1 << 20
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
KEYS = ("name", "description", "import", "cells", *SHARED)


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
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StudyError(f"{source} is not TOML: {clipped(str(error))}.") from error
    lines = Lines.of(text, source)
    require_keys(document, KEYS, lines)
    name, description = document.get("name"), document.get("description", "")
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        problem = f"name is {shown(name)}; give letters, digits, '-', '_' or '.'"
        raise lines.wrong(problem, key="name")
    if not isinstance(description, str):
        raise lines.wrong(f"description is {shown(description)}; give text", key="description")
    modules = texts(document, "import", lines)
    for module in modules:
        _import(module, lines)
    entries = document.get("cells")
    if not isinstance(entries, list) or not entries:
        raise lines.wrong("there are no cells; give at least one [[cells]]", key="cells")
    defaults: dict[str, Any] = {key: document[key] for key in SHARED if key in document}
    found = [
        cell
        for number, entry in enumerate(entries)
        for cell in read_entry(entry, defaults, lines.entry(number))
    ]
    return Study(
        name=name,
        description=description,
        cells=tuple(_merged(found)),
        modules=tuple(modules),
        text=text,
    )


def _import(module: str, lines: Lines) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # A module of somebody may raise anything.
        what = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise lines.wrong(
            f"cannot import {shown(module)}: {clipped(what)}. Give a module that is installed or "
            "lies in the working directory",
            key="import",
            value=module,
        ) from error


def _merged(cells: Iterable[Cell]) -> list[Cell]:
    """Every cell once, with the seeds of all entries that give it."""
    by_id: dict[str, Cell] = {}
    for cell in cells:
        known = by_id.get(cell.id, cell)
        seeds = tuple(dict.fromkeys((*known.seeds, *cell.seeds)))
        by_id[cell.id] = replace(known, seeds=seeds)
    return list(by_id.values())
