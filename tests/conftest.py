"""What every test shares."""

from __future__ import annotations

import os
from collections.abc import Iterator

# One thread a process: tests run side by side, and small matrices gain nothing from more.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

import smile_bench  # noqa: E402, F401  (registers the families)

# The same examples in every run and no limits of time: a test passes or fails on any machine.
settings.register_profile(
    "the same everywhere",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("the same everywhere")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep demonstrations that tests build out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMILE_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
