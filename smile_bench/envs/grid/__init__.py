"""Gridworld families, in which every quantity can be computed."""

from typing import TYPE_CHECKING

from smile_bench.compat import deprecated

if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
