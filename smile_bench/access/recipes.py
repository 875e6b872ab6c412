"""What a learner of one's own states of its training."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smile_bench.access.metered import Access
from smile_bench.provenance import training_recipe

__all__ = ["recipe_of"]


def recipe_of(
    access: Access,
    *,
    seed: int,
    began: float | None = None,
    settings: Mapping[str, Any] | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """The recipe of a training, for the attribute ``recipe`` of the agent that it made.

    Args:
        access: what it was trained through. Track, condition and counts are taken from it.
        seed: of the training.
        began: ``time.perf_counter()`` at its beginning; its seconds are stated if it is given.
        settings: anything JSON-able.
        command: that trains the same again; by default the one that runs now.

    Returns:
        JSON-able facts.
    """
    ran = " ".join((Path(sys.argv[0]).name, *sys.argv[1:])) if command is None else command
    return {
        **training_recipe(ran, seed),
        **access.facts(),
        "access": asdict(access.counts),
        **({} if settings is None else {"settings": dict(settings)}),
        **({} if began is None else {"seconds": time.perf_counter() - began}),
    }
