"""oneDNN's float32 products beside MKL's, on one thread, at the sizes of the learner.

Run with ``pytest -s tests/benchmarks/test_products.py --benchmark-only``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_bench.learning.products import ONEDNN, SMALLEST, product

ROUNDS, REPEATS = 15, 20


def seconds(run: Callable[[], Tensor]) -> float:
    """Processor time of a product."""
    began = time.process_time()
    for _ in range(REPEATS):
        run()
    return (time.process_time() - began) / REPEATS


@pytest.mark.skipif(not ONEDNN, reason="this PyTorch has no oneDNN")
@pytest.mark.parametrize("trainings", [1, 4])
@pytest.mark.parametrize("sizes", [(256, 69, 256), (256, 256, 256), (512, 256, 256)])
def test_onednn_beside_mkl(sizes: tuple[int, int, int], trainings: int, benchmark: Any) -> None:
    torch.set_num_threads(1)
    rows, width, outputs = sizes
    assert rows * width * outputs >= SMALLEST
    inputs, weight = torch.rand(trainings, rows, width), torch.rand(trainings, width, outputs)
    pairs = [
        (seconds(lambda: torch.bmm(inputs, weight)), seconds(lambda: product(inputs, weight)))
        for _ in range(ROUNDS)
    ]
    mkl, onednn = (float(np.median(column)) for column in zip(*pairs, strict=True))
    operations = 2.0 * trainings * rows * width * outputs / 1e9
    benchmark.extra_info |= {
        "MKL GFLOP/s": round(operations / mkl, 1),
        "oneDNN GFLOP/s": round(operations / onednn, 1),
        "ratio": round(float(np.median([a / b for a, b in pairs])), 2),
    }
    print(benchmark.extra_info)
    benchmark(product, inputs, weight)
