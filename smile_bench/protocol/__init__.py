"""What is scored and how: the frozen meta-test set, evaluation, results, verification."""

from smile_bench.protocol.evaluation import evaluate
from smile_bench.protocol.result import Result
from smile_bench.protocol.result_file import read_result
from smile_bench.protocol.verification import Verification, verify_result

__all__ = ["Result", "Verification", "evaluate", "read_result", "verify_result"]
