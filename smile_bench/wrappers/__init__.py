"""Environments in the form that learners take: with a context, or for stable-baselines3."""

from smile_bench.wrappers.contexts import ContextSource
from smile_bench.wrappers.scalar import ContextObservation
from smile_bench.wrappers.vector import VectorContextObservation

__all__ = ["ContextObservation", "ContextSource", "VectorContextObservation"]
