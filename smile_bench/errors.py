"""Errors that users meet. A message says what was given, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AgentError",
    "CheckpointError",
    "ConditionWarning",
    "ConvergenceWarning",
    "DatasetError",
    "DivergedError",
    "ExpertError",
    "InputError",
    "LeaderboardError",
    "ProtocolError",
    "SimulationError",
    "SmileError",
    "StudyError",
    "UnknownNameError",
    "clipped",
    "require_known",
    "shown",
    "suggestion",
]


class SmileError(Exception):
    """Base class of every error that smile-bench raises on bad input."""


class ConvergenceWarning(UserWarning):
    """An iterative method stopped before it reached its tolerance; the message has the residual."""


class ConditionWarning(UserWarning):
    """A training has fewer demonstrations than usual and differs; the message says how."""


class UnknownNameError(SmileError, ValueError):
    """There is no family, split, task or agent of this name."""


class InputError(SmileError, ValueError):
    """An argument has a type, shape or value that cannot be used."""


class SimulationError(SmileError, RuntimeError):
    """The simulation diverged."""


class DatasetError(SmileError, ValueError):
    """A dataset is missing, damaged or of another format, or cannot be built."""


class ExpertError(SmileError, ValueError):
    """Expert weights are missing, damaged or of another family."""


class AgentError(SmileError, ValueError):
    """An agent breaks the agent interface, or its weights are missing or damaged."""


class LeaderboardError(SmileError, ValueError):
    """A leaderboard entry is damaged or incomplete, or contradicts itself or another entry."""


class ProtocolError(SmileError, ValueError):
    """Protocol data or a result is missing or damaged, or does not fit the dataset."""


class StudyError(SmileError, ValueError):
    """A study's file or folder is damaged or contradicts itself, or its work cannot continue."""


class CheckpointError(SmileError, ValueError):
    """A checkpoint is damaged or belongs to another training."""


class DivergedError(SmileError, ArithmeticError):
    """A training has produced a number that is not finite."""


def require_known(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that do not exist.

    Args:
        kind: what the names stand for, for the message.
        given: the names that were given.
        known: the names that exist.

    Raises:
        UnknownNameError: a name is unknown. The message suggests a known one.
    """
    names = list(known)
    for name in given:
        if name not in names:
            raise UnknownNameError(f"unknown {kind} {shown(name)}. {suggestion(name, names)}")


def shown(value: object, longest: int = 60) -> str:
    """A value for a message: its ``repr`` on one line, cut to ``longest`` characters."""
    return clipped(repr(value), longest)


LISTED = 300
"""Characters of known names that a message lists."""


def clipped(text: str, longest: int = 200) -> str:
    """Text on one line, cut to ``longest`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def suggestion(name: object, known: Iterable[str]) -> str:
    """Make the end of an error message: the closest known name, then all of them.

    Args:
        name: the name that was given.
        known: the names that exist.

    Returns:
        ``"Did you mean 'x'? Known: 'x', 'y'."``, without the question if no name is close. Of a
        long list it names the first ones and says how many more there are.
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name)[:100], names, n=1, cutoff=0.4)
    question = f"Did you mean {close[0]!r}? " if close else ""
    listed, left = "", len(names)
    for each in names:
        if len(listed) + len(each) > LISTED:
            break
        listed, left = f"{listed}, {each!r}" if listed else repr(each), left - 1
    more = f" and {left} more" if left else ""
    return f"{question}Known: {listed}{more}."
