"""What every test shares."""

from __future__ import annotations

import os

# One thread a process: tests run side by side, and small matrices gain nothing from more.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import smile_bench  # noqa: E402, F401  (registers the families)
