"""Prints the ratios that the benchmarks are about."""

from __future__ import annotations

from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: Any) -> None:
    session = getattr(config, "_benchmarksession", None)
    for benchmark in session.benchmarks if session else ():
        facts = ", ".join(f"{key}: {value}" for key, value in benchmark.extra_info.items())
        terminalreporter.write_line(f"{benchmark.name}: {facts}")
