"""What a result says of the training behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smile_bench.protocol.result import Result
from smile_bench.tracks import TRACKS

__all__ = ["Training", "training_of"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """Facts of one training run; None where the result does not say."""

    seed: int | None
    track: str | None
    seconds: float | None
    """Of the training process."""
    env_steps: int | None
    """Control steps in meta-train environments."""
    expert_queries: int | None
    """Observations that an expert labelled."""

    @property
    def least_track(self) -> str:
        """The least track that allows what was used and said."""
        used = (
            "expert-queries" if self.expert_queries else "interactive" if self.env_steps else None
        )
        order = list(TRACKS)
        return max((used or order[0], self.track or order[0]), key=order.index)


def training_of(result: Result) -> Training | None:
    """What a result says of its training, if it says anything."""
    said = result.training
    if said is None:
        return None
    track, access = said.get("track"), said.get("access", {})
    # What a track does not allow was not used, whether or not it was counted.
    steps = 0 if track == "offline" else None
    queries = 0 if track in ("offline", "interactive") else None
    return Training(
        seed=said.get("seed", _setting(said, "seed")),
        track=track,
        seconds=said.get("seconds"),
        env_steps=access.get("env_steps", steps),
        expert_queries=access.get("expert_queries", queries),
    )


def _setting(said: Mapping[str, Any], name: str) -> int | None:
    """A whole number among the settings of a training."""
    settings = said.get("settings")
    value = settings.get(name) if isinstance(settings, dict) else None
    return value if type(value) is int else None
