"""Conditions: which meta-train demonstrations a learner gets."""

from smile_bench.datasets.conditions.condition import Condition, FamilyCondition
from smile_bench.datasets.conditions.data import condition_dataset

__all__ = ["Condition", "FamilyCondition", "condition_dataset"]
