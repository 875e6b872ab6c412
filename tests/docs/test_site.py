"""The built site: every link and anchor resolves, and it needs no network, not even to search."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import smile_bench
from smile_bench import load_dataset
from smile_bench.datasets.loading import shipped_families
from tests.helpers.browser import ARGUMENTS, chromium

pytestmark = pytest.mark.slow
RESOURCES = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}


class Page(HTMLParser):
    """Links, resources and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.resources: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in RESOURCES and RESOURCES[tag] in found:
            self.resources.append(found[RESOURCES[tag]])


@cache
def read(path: Path) -> Page:
    return Page(path)


def pages(site: Path) -> list[Path]:
    return [page for page in sorted(site.rglob("*.html")) if page.name != "404.html"]


def has_anchor(page: Path, fragment: str) -> bool:
    return not fragment or page.suffix != ".html" or unquote(fragment) in read(page).anchors


def test_every_link_and_anchor_resolves(site: Path) -> None:
    broken = []
    for path in pages(site):
        for link in (*read(path).links, *read(path).resources):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                broken.append(f"{path.relative_to(site)}: {link}")
            elif not has_anchor(target, parts.fragment):
                broken.append(f"{path.relative_to(site)}: {link} (no such anchor)")
    assert not broken
    assert len(pages(site)) > 40


def test_it_asks_the_network_for_nothing(site: Path) -> None:
    asked = [
        f"{path.relative_to(site)}: {resource}"
        for path in pages(site)
        for resource in read(path).resources
        if urlsplit(resource).scheme in ("http", "https") or resource.startswith("//")
    ]
    for style in site.rglob("*.css"):
        asked += re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)", style.read_text(encoding="utf-8"))
    assert not asked


def test_no_markup_of_docstrings_is_left(site: Path) -> None:
    role = re.compile(r":(class|func|meth|data|mod|attr):")
    left = [path.name for path in pages(site) if role.search(path.read_text(encoding="utf-8"))]
    assert not left


def test_public_names_are_documented(site: Path) -> None:
    reference = site / "reference" / "api"
    anchors = set().union(*(read(page).anchors for page in reference.glob("*.html")))
    for name in set(smile_bench.__all__) - {"__version__"}:
        public = getattr(smile_bench, name)
        assert f"{public.__module__}.{public.__qualname__}" in anchors


def test_family_pages_have_their_dataset(site: Path) -> None:
    for family in shipped_families():
        text = (site / "families" / f"{family}.html").read_text(encoding="utf-8")
        assert load_dataset(family).digest() in text
        assert f'src="{family}-demonstrations.png"' in text


def test_it_works_from_disk(site: Path) -> None:
    """In Chromium: search finds a page, nothing is asked of the network, nothing is too wide."""
    playwright = pytest.importorskip("playwright.sync_api")
    asked: list[str] = []
    problems: list[str] = []
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(300_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        for name in ("index", "families/SmileAntGoal-v0", "agents/smile", "reference/command_line"):
            page.goto((site / f"{name}.html").as_uri())
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > 390:
                problems.append(f"{name} is {width} pixels wide")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto((site / "index.html").as_uri())
        page.click("input.md-search__input")
        page.keyboard.type("inverse dynamics", delay=10)
        page.wait_for_selector(".md-search-result__link")
        found = page.locator(".md-search-result__link").first.get_attribute("href")
        browser.close()
    assert not problems
    assert found
    local = ("file", "data", "blob", "about")
    assert not [url for url in asked if urlsplit(url).scheme not in local]
