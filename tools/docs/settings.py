"""Tables of an agent's settings, from its configuration dataclass and its presets."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any

from smile_bench.baselines.registry import TrainingSpec
from smile_bench.envs import all_families
from smile_bench.errors import InputError
from smile_bench.settings import as_text
from tools.docs.markdown import code, plain_roles, table

__all__ = ["Setting", "field_docs", "presets", "settings", "settings_table"]

NOT_SETTINGS = ("family", "name", "seed", "state_only")
"""Fields that say what is trained, not how."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting of a configuration, fields of nested groups included."""

    name: str
    """As ``--set`` takes it: ``iterations``, ``sac.discount``."""
    default: Any
    doc: str


def presets(training: TrainingSpec) -> dict[str, Any]:
    """Family id to the agent's configuration for it, for the families that it has settings for."""
    found = {}
    for family in all_families():
        try:
            found[family] = training.make_preset(family, 0)
        except InputError:
            continue
    return found


def settings(config: Any) -> list[Setting]:
    """The settings of a configuration's class with their defaults, in their order."""
    return list(_settings(type(config), ""))


def _settings(group: type, prefix: str) -> Iterator[Setting]:
    docs = field_docs(group)
    for field in fields(group):
        default = _default(field)
        if is_dataclass(default) and not isinstance(default, type):
            for setting in _settings(type(default), f"{prefix}{field.name}."):
                inner = setting.name.removeprefix(f"{prefix}{field.name}.")
                value = _value(default, inner)
                yield Setting(name=setting.name, default=value, doc=setting.doc)
        elif prefix or field.name not in NOT_SETTINGS:
            yield Setting(name=prefix + field.name, default=default, doc=docs.get(field.name, ""))


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


def _value(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


def field_docs(group: type) -> Mapping[str, str]:
    """The docstring below each field of a dataclass, in one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(group))).body
    assert isinstance(definition, ast.ClassDef)
    docs, last = {}, ""
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last:
            docs[last] = plain_roles(" ".join(str(node.value.value).split()))
            last = ""
        else:
            last = ""
    return docs


def settings_table(training: TrainingSpec) -> str:
    """Every setting with its default, its meaning and what the presets of families change."""
    configs = presets(training)
    rows = [
        (f"{code(one.name)}<br>{one.doc}", _shown(one.default), _changes(one, configs))
        for one in settings(next(iter(configs.values())))
    ]
    return table(("setting", "default", "presets"), rows)


def _changes(setting: Setting, configs: Mapping[str, Any]) -> str:
    """What families have in place of the default."""
    values = {family: _value(config, setting.name) for family, config in configs.items()}
    groups: dict[Any, list[str]] = {}
    for family, value in values.items():
        if value != setting.default:
            groups.setdefault(value, []).append(all_families()[family].title)
    if len(groups) == 1 and len(values) > 1 and len(*groups.values()) == len(values):
        return f"{_shown(*groups)} on every family"
    return "<br>".join(
        f"{_shown(value)} on {', '.join(titles).lower()}" for value, titles in groups.items()
    )


def _shown(value: Any) -> str:
    return code(as_text(value))
