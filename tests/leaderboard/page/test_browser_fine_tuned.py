"""The fine-tune section of the page, in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_bench.leaderboard import bootstrap
from smile_bench.leaderboard.build import build_leaderboard
from smile_bench.leaderboard.checks.verification import Verifier
from tests.helpers.browser import Opened, opened
from tests.helpers.made_entries import ANT, write_entry, write_fine_tuned

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow

RISING, FLAT = (0.2, 0.3, 0.5, 0.8, 0.9), (0.4,) * 5
HOSTILE = "<img src=x onerror=document.title='owned'>"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard with entries of the track, one without, and one with nothing else."""
    folder = tmp_path_factory.mktemp("fine-tune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "RESAMPLES", 200)
        patch.setattr(bootstrap, "RESAMPLES_OVERALL", 400)
        for name in ("with", "without", "alone"):
            entries = folder / f"{name}-entries"
            if name != "alone":
                write_entry(entries, "usual", level=0.8)
            if name != "without":
                write_fine_tuned(entries, "learner", levels={"expert": RISING, "half": RISING})
                write_fine_tuned(entries, "still", levels={"half": FLAT}, title=HOSTILE)
                write_fine_tuned(entries, "walker", levels={"half": FLAT}, family=ANT, seeds=(0,))
            build_leaderboard(entries, folder / name, Verifier(replay=False))
    return folder


@pytest.fixture
def page(browser: Any, sites: Path) -> Iterator[Opened]:
    yield from opened(browser, sites / "with" / "index.html", view="")


@pytest.fixture
def without(browser: Any, sites: Path) -> Iterator[Opened]:
    yield from opened(browser, sites / "without" / "index.html", view="")


@pytest.fixture
def alone(browser: Any, sites: Path) -> Iterator[Opened]:
    yield from opened(browser, sites / "alone" / "index.html", view="")


def _figures(page: Opened) -> dict[str, list[list[str]]]:
    """The heading of each table to its lines."""
    return {
        figure.locator("strong").inner_text(): [
            [cell.inner_text().split("\n")[0] for cell in row.locator("th, td").all()]
            for row in figure.locator("tbody tr").all()
        ]
        for figure in page.page.locator("#fine-tuned figure").all()
    }


def test_curves_are_ranked_by_area_for_each_kind_of_contexts(page: Opened) -> None:
    page.page.locator("#fine-tune-family").get_by_role("button", name="Grid goal").click()
    figures = _figures(page)
    assert list(figures) == ["Contexts of the expert", "Contexts of the half demonstrator"]
    first, second = figures["Contexts of the half demonstrator"]
    assert first[:2] == ["Learner", "1"]
    assert first[4:] == ["0.200", "0.300", "0.500", "0.800", "0.900", "2 seeds", "not replayed"]
    assert second[:2] == [HOSTILE, "2"]
    assert page.page.locator("#fine-tuned .learning-curve").count() == 3
    label = page.page.locator("#fine-tuned .learning-curve").first.get_attribute("aria-label")
    assert label == "Score from 0.200 to 0.900"


def test_a_row_with_one_seed_has_no_rank(page: Opened) -> None:
    page.page.locator("#fine-tune-family").get_by_role("button", name="Ant goal").click()
    ((row,),) = _figures(page).values()
    assert row[:2] == ["Walker", "–"]


def test_the_ranking_does_not_have_them(page: Opened) -> None:
    names = page.names()
    assert names[0] == "Usual"
    assert not {"Learner", "Walker", HOSTILE} & set(names)


def test_without_entries_of_the_track_there_is_no_section(without: Opened) -> None:
    assert not without.page.locator("#fine-tune").is_visible()
    assert not without.page.locator("#fine-tune-link").is_visible()


def test_the_track_alone_makes_a_page(alone: Opened) -> None:
    assert alone.page.locator("#fine-tune").is_visible()
    assert set(_figures(alone)) <= {"Contexts of the expert", "Contexts of the half demonstrator"}
