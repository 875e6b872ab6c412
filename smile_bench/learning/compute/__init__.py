"""How a training computes: device, precision, compilation, graphs of updates, memory."""

from smile_bench.learning.compute.options import PRECISIONS, Compute

__all__ = ["PRECISIONS", "Compute"]
