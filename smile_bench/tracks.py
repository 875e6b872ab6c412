"""The tracks: what a learner may use besides the meta-train demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smile_bench.errors import UnknownNameError, suggestion

__all__ = ["TRACKS", "Track", "require_track"]


@dataclass(frozen=True, kw_only=True)
class Track:
    """What a learner may use besides the meta-train demonstrations."""

    rule: str
    """The rule in one sentence, for the leaderboard."""
    environments: bool
    """Whether the learner may act in meta-train environments."""
    labels: bool
    """Whether the learner may ask the experts for their actions."""
    rewards: bool = False
    """Whether the learner may see the task's reward."""


TRACKS: Mapping[str, Track] = MappingProxyType(
    {
        "offline": Track(
            rule="Learns from the shipped demonstrations alone.",
            environments=False,
            labels=False,
        ),
        "interactive": Track(
            rule="May also act in the meta-train tasks, without seeing rewards.",
            environments=True,
            labels=False,
        ),
        "expert-queries": Track(
            rule="May also ask the meta-train experts what they would do.",
            environments=True,
            labels=True,
        ),
        "rewards": Track(
            rule="May also learn from the reward of the meta-train tasks.",
            environments=True,
            labels=True,
            rewards=True,
        ),
    }
)
"""All tracks by name; the one that allows least comes first."""


def require_track(name: str) -> Track:
    """Look a track up.

    Raises:
        UnknownNameError: there is no such track.
    """
    if name not in TRACKS:
        raise UnknownNameError(f"unknown track {name!r}. {suggestion(name, TRACKS)}")
    return TRACKS[name]
