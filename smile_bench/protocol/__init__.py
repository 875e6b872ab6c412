"""What is scored and how: the frozen meta-test set, evaluation, metrics, result files."""

from smile_bench.protocol.evaluation import evaluate
from smile_bench.protocol.result import Result

__all__ = ["Result", "evaluate"]
