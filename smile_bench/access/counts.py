"""What a learner has used of a family, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AccessCounts"]


@dataclass(frozen=True, kw_only=True)
class AccessCounts:
    """What a learner has used."""

    demonstrations: int = 0
    """Meta-train demonstrations handed out."""
    env_steps: int = 0
    """Control steps in meta-train environments."""
    expert_queries: int = 0
    """Observations labelled with an expert's action."""
    validation_demonstrations: int = 0
    """Meta-validation demonstrations handed out, as contexts or otherwise."""
    validation_env_steps: int = 0
    """Control steps in meta-validation environments."""
