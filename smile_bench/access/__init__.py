"""Metered access to a family: everything a learner may use is handed out and counted here."""

from smile_bench.access.metered import TRACKS, Access, AccessCounts, Coverage, Environments

__all__ = ["TRACKS", "Access", "AccessCounts", "Coverage", "Environments"]
