"""The leaderboard: submitted entries, their checks, the ranking and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smile_bench.leaderboard.entering import add_result

__all__ = ["add_result"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that importing a part of the room stays cheap."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from smile_bench.leaderboard import entering

    return getattr(entering, name)
