"""Chromium for tests of the page, or a reason why there is none."""

from __future__ import annotations

import os
import shutil

import pytest

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REQUIRED = "SMILE_BENCH_REQUIRE_BROWSER"


def chromium() -> str:
    """The path of a Chromium; skips the test without one, fails it where one is required."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        message = "no Chromium on this machine: apt-get install chromium"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{message} ({REQUIRED} is set)")
        pytest.skip(message)
    return found
