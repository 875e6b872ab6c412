"""Conditions, comparisons and budget surfaces on the page, in headless Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smile_bench.leaderboard import bootstrap
from smile_bench.leaderboard.build import build_leaderboard
from smile_bench.leaderboard.checks.further import read_further
from smile_bench.leaderboard.checks.verification import Verifier
from tests.helpers.browser import Opened, opened
from tests.helpers.made_entries import ANT, CHEETAH, FAMILIES, training, write_entry
from tests.helpers.made_studies import study_cell, write_study

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow

FEW = "4 demonstrations, all tasks"


def make_site(root: Path) -> None:
    """Entries of two conditions and two tracks, and a study with a missing cell."""
    entries = root / "entries"
    write_entry(entries, "steady", level=0.8, spread=0.2, seeds=(0, 1, 2))
    write_entry(entries, "lucky", level=0.82, spread=0.2, seeds=(3,))
    write_entry(entries, "player", level=0.2, spread=0.1, facts={"training": None})
    write_entry(entries, "rolled", level=0.5, spread=0.1, seeds=(4, 5, 6), track="interactive")
    few = {"training": training(0, condition={"demonstrations": 4})}
    for name, level in (("frugal", 0.4), ("thrifty", 0.3)):
        write_entry(
            entries, name, level=level, demonstrations=dict.fromkeys(FAMILIES, 4), facts=few
        )
    cells = [
        study_cell(family, d, t, 0.1 * d + 0.05 * t, agent=agent)
        for family in (ANT, CHEETAH)
        for agent in ("meta-bc", "smile")
        for d in (1, 4)
        for t in (4, 8)
        if (family, agent, d, t) != (CHEETAH, "smile", 1, 4)
    ]
    table = write_study(root / "table.json", cells)
    build_leaderboard(
        entries, root / "site", Verifier(replay=False), further=read_further(studies=[table])
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "RESAMPLES", 200)
        patch.setattr(bootstrap, "RESAMPLES_OVERALL", 400)
        make_site(folder)
    return folder / "site" / "index.html"


@pytest.fixture
def front(browser: Any, site: Path) -> Iterator[Opened]:
    yield from opened(browser, site, view="")


def cells_of(table: Any) -> list[list[str]]:
    return [
        [cell.inner_text().split("\n")[0] for cell in row.locator("td").all()]
        for row in table.locator("tbody tr").all()
    ]


def test_conditions_are_ranked_apart_and_shown(front: Opened) -> None:
    assert front.names("all") == ["Lucky", "Steady", "Rolled", "Player"]
    assert front.names(f"all/{FEW}") == ["Frugal", "Thrifty"]
    assert front.ranks(f"all/{FEW}") == ["1", "2"]
    badge = front.page.locator("#board tr.row", has_text="Frugal").locator(".badge.condition")
    assert badge.inner_text() == FEW
    front.page.get_by_label("Condition", exact=True).select_option(FEW)
    assert front.names() == ["Frugal", "Thrifty"]
    assert "Frugal" in front.page.locator("#answer").inner_text()
    assert "condition=" in front.page.url
    front.page.get_by_role("button", name="By track").click()
    assert front.names(f"offline/false/{FEW}") == ["Frugal", "Thrifty"]
    front.page.get_by_role("button", name="Frugal", exact=True).click()
    assert f"condition: {FEW}" in front.page.locator(".detail").inner_text()


def test_one_seed_shares_the_rank_of_what_it_overlaps(front: Opened) -> None:
    assert front.ranks("all") == ["1", "1", "3", "4"]
    badge = front.page.locator("#board tr.row", has_text="Lucky").locator(".badge").last
    assert badge.inner_text() == "1 seed"
    assert "not ranked above" in str(badge.get_attribute("title"))
    player = front.page.locator("#board tr.row", has_text="Player").locator(".badge").last
    assert player.inner_text() == "not trained"
    first = front.page.locator("#answer > div").first.inner_text()
    assert "it shares its rank with Steady" in first


def test_the_matrix_says_how_often_a_row_beats_a_column(front: Opened) -> None:
    tables = front.page.locator("#improvement table")
    assert tables.locator("caption").all_inner_texts() == ["All tracks", f"All tracks, {FEW}"]
    names = tables.first.locator("tbody th").all_inner_texts()
    assert names == ["Lucky", "Steady", "Rolled", "Player"]
    assert tables.first.locator("thead th").all_inner_texts()[1:] == names
    found = cells_of(tables.first)
    assert [found[i][i] for i in range(4)] == ["–"] * 4
    assert float(found[0][3]) > 0.95
    assert float(found[0][1]) + float(found[1][0]) == pytest.approx(1.0, abs=0.011)
    assert (
        tables.first.locator("tbody tr")
        .nth(0)
        .locator("td")
        .nth(3)
        .evaluate("n => n.classList.contains('clear')")
    )
    front.page.get_by_role("button", name="By track").click()
    captions = tables.locator("caption").all_inner_texts()
    # A track with one row has nothing to compare.
    assert captions == ["Offline", f"Offline, {FEW}"]
    front.page.get_by_label("Find").fill("lucky")
    assert not front.page.locator("#improvement").is_visible()


def test_profiles_are_drawn_for_the_entries_in_the_plots(front: Opened) -> None:
    profile = front.page.locator("#profile")
    assert profile.locator(".line").count() == profile.locator(".band").count() == 4
    picture = profile.locator("svg.canvas")
    assert picture.get_attribute("tabindex") == "0"
    picture.focus()
    front.page.keyboard.press("ArrowRight")
    assert re.search(r"above −0.20: \d+\s%", profile.locator(".tip").inner_text())
    profile.locator("summary").click()
    shares = [
        int(row.locator("td").first.inner_text().split("\u00a0")[0])
        for row in profile.locator("tbody tr").all()
    ]
    assert shares == sorted(shares, reverse=True)
    assert (len(shares), shares[0]) == (36, 100)
    front.page.get_by_label("Family", exact=True).select_option(ANT)
    assert "on Ant goal" in profile.locator("figcaption").inner_text()


def test_surfaces_show_each_budget_and_two_numbers(front: Opened) -> None:
    figures = front.page.locator("#surfaces figure")
    assert figures.locator("figcaption strong").all_inner_texts() == ["meta-bc", "smile"]
    # Two seeds, one of them at two thirds of the level: five sixths of it.
    expected = [[f"{5 / 6 * (0.1 * d + 0.05 * t):.2f}" for t in (4, 8)] for d in (1, 4)]
    first = figures.first
    assert cells_of(first.locator("table.matrix")) == expected
    numbers = first.locator(".surface-numbers dd").all_inner_texts()
    assert float(numbers[0]) == pytest.approx(5 / 6 * (0.25 + 0.3), abs=1e-3)
    assert numbers[1].startswith("0.667 (")
    assert "not replayed" in front.page.locator("#budget").inner_text()
    buttons = front.page.get_by_role("group", name="Family of the surfaces")
    buttons.get_by_role("button", name="Half-cheetah velocity").click()
    lacking = figures.last.locator(".surface-numbers dd").first.inner_text()
    assert lacking == "no mean: 1 cell has no result"
    assert cells_of(figures.last.locator("table.matrix"))[0][0] == "–"


def test_a_cell_opens_by_keyboard_to_its_interval_and_cost(front: Opened) -> None:
    first = front.page.locator("#surfaces figure").first
    cell = first.get_by_role("button", name="4 demonstrations, 8 tasks: score 0.667")
    cell.focus()
    front.page.keyboard.press("Enter")
    assert cell.get_attribute("aria-pressed") == "true"
    assert cell.evaluate("node => node === document.activeElement")
    text = first.locator("[role=status]").inner_text()
    assert "2 seeds (0, 1)" in text
    assert "at most 20\u00a0%" in text
    assert "One training: 10 minutes, 0 env steps." in text
    first.locator("summary").click()
    data = first.locator(".figure-data")
    assert data.locator("tbody tr").count() == 4
    # What is open stays open when another cell is chosen.
    first.get_by_role("button", name="1 demonstration, 8 tasks").click()
    assert data.locator("tbody").is_visible()


def test_without_a_study_there_is_no_budget(browser: Any, tmp_path: Path) -> None:
    write_entry(tmp_path / "entries", "only", families=(ANT,))
    build_leaderboard(tmp_path / "entries", tmp_path / "site", Verifier(replay=False))
    for page in opened(browser, tmp_path / "site" / "index.html", view=""):
        assert not page.page.locator("#budget").is_visible()
        assert not page.page.locator("#budget-link").is_visible()
        assert not page.page.locator("#improvement").is_visible()
        assert page.page.get_by_label("Condition", exact=True).count() == 0


def test_a_phone_scrolls_only_inside_the_tables(browser: Any, site: Path) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True}
    for page in opened(browser, site, view="", has_touch=True, **phone):
        assert page.page.evaluate("document.documentElement.scrollWidth") <= 360
        page.page.locator(".cell").first.tap()
        assert "Choose a cell" not in page.page.locator(".cell-text").first.inner_text()
