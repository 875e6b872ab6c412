"""Demonstrations: the file format, loading, contexts, building them from experts."""

from smile_bench.compat.links import follow_link
from smile_bench.datasets.conditions import Condition
from smile_bench.datasets.contexts import Context
from smile_bench.datasets.dataset import Dataset, Demonstrations
from smile_bench.datasets.loading import load_dataset

__all__ = ["Condition", "Context", "Dataset", "Demonstrations", "load_dataset"]

follow_link(__name__, "smile_bench.datasets")
