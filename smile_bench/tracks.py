"""The tracks: what a learner may use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from smile_bench.errors import UnknownNameError, suggestion

__all__ = ["TRACKS", "Track", "least_track", "require_track", "tracks_with"]


@dataclass(frozen=True, kw_only=True)
class Track:
    """What a learner may use."""

    rule: str
    """The rule in one sentence, for the leaderboard."""
    demonstrations: bool = True
    """Whether the learner gets meta-train demonstrations."""
    environments: bool
    """Whether the learner may act in meta-train environments."""
    labels: bool
    """Whether the learner may ask the experts for their actions."""
    rewards: bool = False
    """Whether the learner may see the task's reward."""
    fine_tuning: bool = False
    """Whether the agent may also learn from rewarded episodes in the meta-test tasks."""

    @property
    def permissions(self) -> frozenset[str]:
        """The names of what is allowed."""
        names = {each.name for each in fields(self)} - {"rule"}
        return frozenset(name for name in names if getattr(self, name))

    def allows(self, other: Track) -> bool:
        """Whether everything that another track allows is allowed here, too.

        Of two tracks it may be that neither allows the other.
        """
        return other.permissions <= self.permissions


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
        "unsupervised": Track(
            rule="Acts in the meta-train tasks without demonstrations, labels or rewards.",
            demonstrations=False,
            environments=True,
            labels=False,
        ),
        "fine-tune": Track(
            rule="May also learn from rewarded episodes in the meta-test tasks.",
            environments=True,
            labels=True,
            fine_tuning=True,
        ),
    }
)
"""All tracks by name, in the order in which pages show them. Which one allows more than another
says :meth:`Track.allows`."""


def require_track(name: str) -> Track:
    """Look a track up.

    Raises:
        UnknownNameError: there is no such track.
    """
    if name not in TRACKS:
        raise UnknownNameError(f"unknown track {name!r}. {suggestion(name, TRACKS)}")
    return TRACKS[name]


def least_track(permissions: Collection[str]) -> str | None:
    """The track that allows all of some permissions and least beyond; None if there is none.

    Args:
        permissions: names as in :attr:`Track.permissions`.

    Returns:
        Of tracks that allow equally much, the first.
    """
    needed = frozenset(permissions)
    able = [name for name, track in TRACKS.items() if needed <= track.permissions]
    return min(able, key=lambda name: len(TRACKS[name].permissions), default=None)


def tracks_with(**rules: bool) -> str:
    """Names of the tracks that have these rules, for messages."""
    return ", ".join(
        repr(name)
        for name, track in TRACKS.items()
        if all(getattr(track, rule) == value for rule, value in rules.items())
    )
