"""What is scored and how: the frozen meta-test set, evaluation, statistics, result files."""

from smile_bench.protocol.evaluation import evaluate
from smile_bench.protocol.reading import read_result
from smile_bench.protocol.result import Result

__all__ = ["Result", "evaluate", "read_result"]
