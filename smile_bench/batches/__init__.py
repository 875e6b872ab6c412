"""Demonstrations as batches of contexts and queries, in NumPy and, by ``pytorch``, in PyTorch."""

from smile_bench.agents import pad_contexts
from smile_bench.batches.sampling import Batch, ContextQueryBatches
from smile_bench.batches.settings import CROPS, BatchSettings
from smile_bench.datasets.contexts import Context
from smile_bench.learning.normaliser import Normaliser

__all__ = [
    "CROPS",
    "Batch",
    "BatchSettings",
    "Context",
    "ContextQueryBatches",
    "Normaliser",
    "pad_contexts",
]
