"""The entries of a study's file: each is a grid of cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smile_bench.baselines.registry import AgentSpec, TrainingSpec, all_agents, get_agent
from smile_bench.datasets import Condition
from smile_bench.envs import all_families, get_family
from smile_bench.envs.grid.family import GridFamily
from smile_bench.errors import InputError, SmileError, UnknownNameError, clipped, shown, suggestion
from smile_bench.seeds import checked_seeds, parse_seeds
from smile_bench.settings import as_text, flatten, replaced
from smile_bench.studies.lines import Lines
from smile_bench.studies.study import Cell
from smile_bench.tracks import TRACKS

__all__ = ["SHARED", "read_entry", "require_keys", "texts"]

PRECISIONS = ("float32", "bf16")
SHARED = ("seeds", "together", "precision")
"""Keys of an entry that may stand above all entries."""
KEYS = ("families", "agents", "conditions", "settings", *SHARED)
CONDITION = ("demonstrations", "tasks", "subsample", "variant")
CONFIG_ERRORS = (SmileError, ValueError, TypeError, ArithmeticError)
"""What the configuration of somebody's agent may raise about a setting."""


def read_entry(entry: Any, defaults: Mapping[str, Any], lines: Lines) -> list[Cell]:
    """The cells of an entry.

    Args:
        entry: as TOML has it.
        defaults: the keys of :data:`SHARED` that stand above all entries.
        lines: of the entry.

    Raises:
        StudyError: a key, family, agent, condition or setting does not exist, or a value cannot be
            used; the message has the line.
    """
    if not isinstance(entry, dict):
        raise lines.wrong("cells are tables; write [[cells]] above their keys", key="cells")
    require_keys(entry, KEYS, lines)
    whole = {**defaults, **entry}
    agents = _names(whole, "agents", "agent", all_agents(), lines)
    families = _names(whole, "families", "family", all_families(), lines)
    conditions, settings = _conditions(whole, lines), _settings(whole, lines)
    shared: dict[str, Any] = {"seeds": _seeds(whole, lines), "together": _together(whole, lines)}
    precision = _precision(whole, lines)
    return [
        _cell(
            get_agent(agent), family, condition, changes, {**shared, "precision": precision}, lines
        )
        for agent, family, condition, changes in itertools.product(
            agents, families, conditions, settings
        )
    ]


def require_keys(given: Mapping[str, Any], known: Sequence[str], lines: Lines) -> None:
    """Refuse keys that do not exist.

    Raises:
        StudyError: there is such a key.
    """
    for key in given:
        if key not in known:
            raise lines.wrong(f"unknown key {shown(key)}. {suggestion(key, known)}", key=key)


def texts(given: Mapping[str, Any], key: str, lines: Lines) -> list[str]:
    """A text or a list of texts.

    Raises:
        StudyError: it is something else.
    """
    value = given.get(key, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise lines.wrong(f"{key} is {shown(value)}; give a list of names", key=key)
    return values


def _names(
    given: Mapping[str, Any], key: str, kind: str, known: Mapping[str, Any], lines: Lines
) -> list[str]:
    """Names that exist."""
    names = texts(given, key, lines)
    if not names:
        raise lines.wrong(
            f"{key} is empty or missing; give a list of names", key=key if key in given else ""
        )
    for name in names:
        if name not in known:
            problem = f"unknown {kind} {shown(name)}. {suggestion(name, known)}"
            raise lines.wrong(problem, key=key, value=name)
    return names


def _conditions(given: Mapping[str, Any], lines: Lines) -> list[tuple[str | None, Condition]]:
    """Conditions in words or as tables, each with its words."""
    value = given.get("conditions", ["canonical"])
    values = value if isinstance(value, list) else [value]
    if not values:
        raise lines.wrong(
            "conditions is empty; leave it out for what the family has", key="conditions"
        )
    found: list[tuple[str | None, Condition]] = []
    for one in values:
        words = one if isinstance(one, str) else None
        try:
            if words is not None:
                found.append((words, Condition.parse(words)))
            elif isinstance(one, dict):
                require_keys(one, CONDITION, lines)
                found.append((None, Condition(**one)))
            else:
                raise InputError(f"{shown(one)} is not a condition; give text or a table")
        except (InputError, UnknownNameError) as error:
            raise lines.wrong(str(error), key="conditions", value=words) from error
    return found


def _settings(given: Mapping[str, Any], lines: Lines) -> list[dict[str, Any]]:
    """Alternatives of changed settings, each by dotted names."""
    value = given.get("settings", {})
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, dict) for one in values):
        problem = f"settings is {shown(value)}; give a table, or a list of tables"
        raise lines.wrong(problem, key="settings")
    found = []
    for one in values:
        pairs = list(_dotted(one))
        names = [name for name, _ in pairs]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise lines.wrong(f"the setting {twice[0]} is given twice", key=twice[0])
        found.append(dict(pairs))
    return found


def _dotted(table: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    """The values of nested tables by dotted names, lists as tuples."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", tuple(value) if isinstance(value, list) else value


def _cell(
    agent: AgentSpec,
    family: str,
    condition: tuple[str | None, Condition],
    changes: Mapping[str, Any],
    shared: Mapping[str, Any],
    lines: Lines,
) -> Cell:
    """A cell, if the agent can have the condition and the settings on the family."""
    if agent.grid_only and not isinstance(get_family(family), GridFamily):
        problem = f"{agent.name} needs a gridworld family, and {family} is not one"
        raise lines.wrong(problem, key="agents", value=agent.name)
    words, given = condition
    try:
        given.on(family)
    except SmileError as error:
        raise lines.wrong(str(error), key="conditions", value=words) from error
    if agent.training is not None and given != Condition():
        track = agent.training.track
        if not TRACKS[track].demonstrations:
            problem = (
                f"{agent.name} learns without demonstrations, on the {track} track, so that it "
                f"has no condition but 'canonical'; got '{given}'"
            )
            raise lines.wrong(problem, key="conditions", value=words)
    if agent.training is None:
        for name in changes:
            raise lines.wrong(f"{agent.name} is not trained and has no settings", key=name)
        cell = Cell(
            agent=agent.name,
            family=family,
            condition=Condition(),
            seeds=shared["seeds"][:1],
            together=shared["together"],
        )
    else:
        cell = Cell(
            agent=agent.name,
            family=family,
            condition=given,
            changes=_changes(agent, agent.training, family, changes, lines),
            **shared,
        )
    try:
        assert cell.id
    except SmileError as error:
        raise lines.wrong(str(error), key="families", value=family) from error
    return cell


def _changes(
    agent: AgentSpec, training: TrainingSpec, family: str, given: Mapping[str, Any], lines: Lines
) -> tuple[tuple[str, str], ...]:
    """The settings that differ from the preset, sorted, as text."""
    for name in given:
        if name in ("seed", "family"):
            raise lines.wrong(f"{name} is not a setting; give it as a key of the entry", key=name)
    try:
        preset = training.make_preset(family, 0)
    except CONFIG_ERRORS as error:
        raise lines.wrong(str(error), key="agents", value=agent.name) from error
    try:
        changed = flatten(replaced(preset, given))
    except CONFIG_ERRORS as error:
        name = next((n for n in given if not _fits(preset, n, given[n])), "settings")
        raise lines.wrong(f"{agent.name} on {family}: {error}", key=name) from error
    usual = flatten(preset)
    rows = ((name, as_text(value)) for name, value in changed.items())
    return tuple(sorted((n, value) for n, value in rows if value != as_text(usual[n])))


def _fits(preset: Any, name: str, value: Any) -> bool:
    """Whether a setting can be changed by itself."""
    try:
        replaced(preset, {name: value})
    except CONFIG_ERRORS:
        return False
    return True


def _seeds(given: Mapping[str, Any], lines: Lines) -> tuple[int, ...]:
    """Seeds as text, a list, or one number."""
    value = given.get("seeds", 0)
    try:
        if isinstance(value, str):
            return parse_seeds(value)
        return checked_seeds(value if isinstance(value, list) else [value])
    except InputError as error:
        raise lines.wrong(clipped(str(error)), key="seeds") from error


def _together(given: Mapping[str, Any], lines: Lines) -> int | None:
    """How many seeds are one computation."""
    value = given.get("together")
    if value is not None and (type(value) is not int or value < 1):
        problem = f"together is {shown(value)}; give a whole number, 1 or more"
        raise lines.wrong(problem, key="together")
    return value


def _precision(given: Mapping[str, Any], lines: Lines) -> str:
    """Of products in training."""
    value = given.get("precision", "float32")
    if value not in PRECISIONS:
        problem = f"precision is {shown(value)}; give {' or '.join(PRECISIONS)}"
        raise lines.wrong(problem, key="precision")
    return str(value)
