"""Reads docstrings' roles, such as ``:class:`Family```, as links of the API reference."""

from __future__ import annotations

import re
from typing import Any

import griffe

__all__ = ["Roles"]

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`(~?)([^`]+)`")


class Roles(griffe.Extension):
    """Links roles to what they name, where the reference has it; elsewhere they are code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(lambda role: _link(obj, role), obj.docstring.value)


def _link(obj: griffe.Object, role: re.Match[str]) -> str:
    short, name = role.groups()
    shown = name.rpartition(".")[2] if short else name
    try:
        target = obj.resolve(name)
    except griffe.NameResolutionError:
        target = name
    return f'<autoref identifier="{target}" optional>`{shown}`</autoref>'
