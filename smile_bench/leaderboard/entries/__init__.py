"""Reading entries: cards, results, evidence and what they state about their trainings."""

from typing import TYPE_CHECKING

from smile_bench.compat import deprecated

if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
