"""Errors that users meet: each says what was given, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AgentError",
    "CheckpointError",
    "ConvergenceWarning",
    "DatasetError",
    "DivergedError",
    "ExpertError",
    "InputError",
    "LeaderboardError",
    "ProtocolError",
    "SimulationError",
    "SmileError",
    "UnknownNameError",
    "require_known",
    "suggestion",
]


class SmileError(Exception):
    """Base class of every error that smile-bench raises on bad input."""


class ConvergenceWarning(UserWarning):
    """An iterative method stopped short of its tolerance; the message states the residual."""


class UnknownNameError(SmileError, ValueError):
    """A family, split, task or agent that does not exist."""


class InputError(SmileError, ValueError):
    """An argument of another type, shape or range than what takes it can use."""


class SimulationError(SmileError, RuntimeError):
    """The physics left the range in which its state means anything."""


class DatasetError(SmileError, ValueError):
    """A dataset file that is damaged, incomplete or of another format."""


class ExpertError(SmileError, ValueError):
    """Expert weights that are missing, damaged or of another family."""


class AgentError(SmileError, ValueError):
    """An agent that breaks the agent interface."""


class LeaderboardError(SmileError, ValueError):
    """A leaderboard entry that is damaged, incomplete or contradicts itself or another."""


class ProtocolError(SmileError, ValueError):
    """Protocol data that is missing, damaged or does not fit the dataset."""


class CheckpointError(SmileError, ValueError):
    """A checkpoint that is damaged or belongs to another training."""


class DivergedError(SmileError, ArithmeticError):
    """A training met a number that is not finite."""


def require_known(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names that do not exist.

    Args:
        kind: what they name, for the message.
        given: what was given.
        known: the names that exist.

    Raises:
        UnknownNameError: the first unknown name, with a suggestion.
    """
    names = list(known)
    for name in given:
        if name not in names:
            raise UnknownNameError(f"unknown {kind} {name!r}. {suggestion(name, names)}")


def suggestion(name: object, known: Iterable[str]) -> str:
    """The end of an error message: the closest known name, then all of them.

    Args:
        name: what was given.
        known: the names that exist.

    Returns:
        ``"Did you mean 'x'? Known: 'x', 'y'."``, without the question if nothing is close.
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    question = f"Did you mean {close[0]!r}? " if close else ""
    return f"{question}Known: {', '.join(map(repr, names))}."
