"""Chromium for tests of the page, or a reason why there is none, and an opened page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


class Opened:
    """A page, what it complained of and what it requested."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def names(self, group: str = "") -> list[str]:
        """Titles of the rows that are shown, in one group or in all."""
        scope = f"tbody[data-group='{group}'] " if group else ""
        found: list[str] = self.page.locator(f"#board {scope}tr.row .title").all_inner_texts()
        return found

    def ranks(self, group: str) -> list[str]:
        scope = f"#board tbody[data-group='{group}'] tr.row .rank"
        found: list[str] = self.page.locator(scope).all_inner_texts()
        return found


def opened(
    browser: Any, site: Path, view: str = "#?grouping=track", **options: Any
) -> Iterator[Opened]:
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    found = Opened(context.new_page())
    found.page.set_default_timeout(300_000)
    found.page.goto(site.as_uri() + view)
    yield found
    complaints, requests = list(found.complaints), list(found.requests)
    context.close()
    assert complaints == []
    # The page requests itself and its own data, nothing else.
    assert {url.split("?")[0].split("#")[0] for url in requests} <= {site.as_uri(), "data:,"}
