"""The page in headless Chromium, opened from disk as a reader would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from smile_bench.leaderboard import bootstrap
from smile_bench.leaderboard.build import build_leaderboard
from smile_bench.leaderboard.checks.verification import Status, Verifier
from smile_bench.leaderboard.entries.reading import read_entry
from smile_bench.leaderboard.page.document import leaderboard_document
from smile_bench.leaderboard.page.html import leaderboard_page
from smile_bench.leaderboard.page.published import load_published
from smile_bench.leaderboard.ranking import rank
from smile_bench.leaderboard.rows import entry_rows
from tests.helpers.browser import Opened, opened
from tests.helpers.made_entries import (
    ANT,
    CHEETAH,
    FAMILIES,
    GRID,
    VERSIONS,
    result,
    training,
    without_demonstrations,
    write_entry,
    write_result,
)

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=document.title='owned'></script><b>&amp;"
INTERACTIVE = {
    "training": training(
        0, track="interactive", access={"env_steps": 2_500_000, "expert_queries": 0}
    )
}


def make_entries(root: Path) -> None:
    """Entries of two tracks, both forms, two MuJoCo versions, complete and not."""
    everything = (*FAMILIES, GRID)
    cloned = write_entry(root, "cloned", families=everything, level=0.8, spread=0.1, seeds=(0, 1))
    write_entry(root, "copied", families=everything, level=0.3, spread=0.1, title=HOSTILE)
    write_entry(root, "frugal", level=0.5, demonstrations=dict.fromkeys(FAMILIES, 4))
    write_entry(root, "partial", families=(ANT,), level=0.95)
    write_entry(root, "rolled", level=0.9, track="interactive", facts=INTERACTIVE)
    write_entry(
        root,
        "rolled-blind",
        level=0.7,
        track="interactive",
        state_only=True,
        facts={**INTERACTIVE, "state_only": True},
    )
    write_entry(root, "privileged", reference=True, level=1.0, facts={"privileged": True})
    write_entry(root, "older", level=0.6, facts={"versions": {**VERSIONS, "mujoco": "3.17.0"}})
    curve = "iteration,seconds,charts/env_steps,validation/velocity_error\n"
    curve += "".join(f"{i},{i * 10},{i * 1000},{2 / i}\n" for i in range(1, 40))
    for seed in (0, 1):
        folder = cloned / CHEETAH / f"seed-{seed}"
        (folder / "progress.csv").write_text(curve)
        for shots in (1, 2, 3, 4):
            made = result(
                CHEETAH, agent="cloned", seed=seed, shots=shots, level=0.2 * shots + 0.001 * seed
            )
            write_result(folder / f"{shots}-shots", made)
    for evidence in cloned.glob("*/seed-1/*/evidence.h5"):
        evidence.unlink()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    make_entries(folder / "entries")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "RESAMPLES", 200)
        patch.setattr(bootstrap, "RESAMPLES_OVERALL", 400)
        build_leaderboard(folder / "entries", folder / "site", Verifier(replay=False))
    return folder / "site" / "index.html"


@pytest.fixture
def desk(browser: Any, site: Path) -> Iterator[Opened]:
    yield from opened(browser, site)


@pytest.fixture
def front(browser: Any, site: Path) -> Iterator[Opened]:
    """The page as it opens."""
    yield from opened(browser, site, view="")


@pytest.fixture
def phone(browser: Any, site: Path) -> Iterator[Opened]:
    yield from opened(
        browser, site, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )


@pytest.fixture
def night(browser: Any, site: Path) -> Iterator[Opened]:
    yield from opened(browser, site, color_scheme="dark")


def test_the_ranking_is_drawn_by_track_and_form(desk: Opened) -> None:
    groups = desk.page.locator("#board tbody").evaluate_all("all => all.map(b => b.dataset.group)")
    assert groups == [
        "offline/false", "interactive/false", "interactive/true", "reference", "published",
    ]  # fmt: skip
    assert desk.names("offline/false") == ["Cloned", "Frugal", HOSTILE, "Partial"]
    assert desk.ranks("offline/false") == ["1", "2", "3", "–"]
    assert desk.ranks("interactive/true") == ["1"]
    assert desk.ranks("reference") == ["–"]
    assert set(desk.ranks("published")) == {"–"}


def test_the_page_opens_with_one_ranking_and_says_which_is_best(front: Opened) -> None:
    groups = front.page.locator("#board tbody").evaluate_all("all => all.map(b => b.dataset.group)")
    assert groups == ["all", "reference", "published"]
    assert front.names("all") == [
        "Rolled", "Cloned", "Rolled Blind", "Frugal", HOSTILE, "Partial",
    ]  # fmt: skip
    assert front.ranks("all") == ["1", "2", "3", "4", "5", "–"]
    lines = front.page.locator("#answer > div").all_inner_texts()
    assert [line.split()[:2] for line in lines] == [
        ["Best", "overall"], ["Best", "offline"], ["Best", "interactive"],
    ]  # fmt: skip
    assert "Rolled 0.900" in lines[0].replace("\n", " ")
    assert "1 seed; not replayed" in lines[0]
    assert "Cloned" in lines[1]
    # Tracks are told apart by a badge, seeds and checks stand in columns of their own.
    row = front.page.locator("#board tr.row", has_text="Rolled Blind")
    assert row.locator(".badge.track").inner_text() == "Interactive, state-only"
    headers = front.page.locator("#board thead .label").all_inner_texts()
    assert {"Seeds", "Checked"} <= set(headers)
    assert front.page.locator("#trust").is_visible()


def test_one_ranking_sorts_across_tracks(front: Opened) -> None:
    front.page.get_by_role("button", name="Entry", exact=True).click()
    assert front.names("all")[:3] == [HOSTILE, "Cloned", "Frugal"]
    assert front.names("all")[-2:] == ["Rolled", "Rolled Blind"]
    front.page.get_by_role("button", name="By track").click()
    assert front.names("offline/false") == [HOSTILE, "Cloned", "Frugal", "Partial"]


def test_the_best_cells_are_marked(front: Opened) -> None:
    best = front.page.locator("#board tbody[data-group='all'] td.best")
    by_row: dict[str, int] = {}
    for cell in best.all():
        name = str(cell.locator("xpath=..").locator(".title").inner_text())
        by_row[name] = by_row.get(name, 0) + 1
    # Ant goal goes to the entry that has nothing else, grid goal to the only one but one.
    assert by_row == {"Rolled": 4, "Partial": 1, "Cloned": 1}
    assert front.page.locator("#board tbody[data-group='reference'] .best").count() == 0
    assert front.page.locator("#board tbody[data-group='published'] .best").count() == 0


def test_a_row_says_what_was_checked(front: Opened) -> None:
    row = front.page.locator("#board tr.row", has_text="Frugal")
    assert row.locator(".checks li").all_inner_texts() == [
        "replayed –", "rerun –", "retrained –", "fresh –",
    ]  # fmt: skip
    assert row.locator(".checks .done").count() == 0
    assert front.page.locator("#board tr.is-published .checks").count() == 0


def test_the_notes_follow_the_family(front: Opened) -> None:
    note = front.page.locator("#ranking-note")
    assert note.inner_text().startswith("The overall score is over Ant goal, ")
    front.page.get_by_label("Family", exact=True).select_option(ANT)
    assert note.inner_text() == "The score is over the tasks of Ant goal alone."
    assert front.page.locator("#answer").inner_text().startswith("Best on Ant goal")
    assert "Partial" in front.page.locator("#answer > div").first.inner_text()
    assert front.ranks("all")[0] == "1"
    assert front.names("all")[0] == "Partial"
    assert "verall" not in front.page.locator("#board caption").inner_text()


@pytest.mark.parametrize("width", [1024, 1280, 1440])
def test_an_opened_row_is_not_cut_off(front: Opened, width: int) -> None:
    front.page.set_viewport_size({"width": width, "height": 900})
    front.page.get_by_role("button", name="Cloned", exact=True).click()
    sizes = front.page.locator(".detail .detail-scroll").evaluate(
        "n => [n.scrollWidth, n.clientWidth]"
    )
    assert sizes[0] <= sizes[1]
    frame = front.page.locator(".table-frame").evaluate("n => n.getBoundingClientRect().right")
    for link in front.page.locator(".evidence a").all():
        box = link.bounding_box()
        assert box["x"] + box["width"] <= frame


def test_what_entries_say_is_text(desk: Opened) -> None:
    assert desk.page.title() == "smile-bench leaderboard"
    assert HOSTILE in desk.names()
    assert desk.page.locator("img").count() == 0
    for button in desk.page.locator("#board .title").all():
        button.click()
    assert desk.page.locator("img").count() == 0
    assert desk.page.title() == "smile-bench leaderboard"


def test_columns_sort_within_groups_and_say_so(desk: Opened) -> None:
    header = desk.page.locator("th", has=desk.page.get_by_role("button", name="Entry"))
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert desk.names("offline/false") == [HOSTILE, "Cloned", "Frugal", "Partial"]
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert desk.names("offline/false") == ["Partial", "Frugal", "Cloned", HOSTILE]
    desk.page.get_by_role("button", name="Ant goal").first.click()
    # The better end first, entries without a number last.
    assert desk.names("offline/false") == ["Partial", "Cloned", "Frugal", HOSTILE]
    assert desk.page.locator("th[aria-sort='descending']").count() == 1
    desk.page.get_by_role("button", name="Score").click()
    assert desk.names("offline/false") == ["Cloned", "Frugal", HOSTILE, "Partial"]
    desk.page.get_by_role("button", name="Score").click()
    assert desk.names("offline/false") == [HOSTILE, "Frugal", "Cloned", "Partial"]


def test_the_track_filters(desk: Opened) -> None:
    tracks = desk.page.get_by_role("group", name="Track")
    tracks.get_by_role("button", name="Interactive").click()
    assert desk.names("interactive/false") == ["Rolled"]
    assert desk.names("offline/false") == []
    assert desk.names("published") == ["SMILe (state-action)", "SMILe (state-only)"]
    assert tracks.get_by_role("button", name="Interactive").get_attribute("aria-pressed") == "true"
    assert "2 entries" in desk.page.locator("#count").inner_text()


def test_the_filter_offers_the_tracks_that_have_rows(
    desk: Opened, browser: Any, tmp_path: Path
) -> None:
    tracks = desk.page.get_by_role("group", name="Track").get_by_role("button")
    assert tracks.all_inner_texts() == ["All", "Offline", "Interactive", "Expert queries"]
    write_entry(tmp_path / "entries", "cloned", level=0.5)
    trained = {"training": training(0, track="rewards", access={"env_steps": 10})}
    write_entry(tmp_path / "entries", "rewarded", level=0.9, track="rewards", facts=trained)
    build_leaderboard(tmp_path / "entries", tmp_path / "site", Verifier(replay=False))
    for page in opened(browser, tmp_path / "site" / "index.html"):
        assert page.names("rewards/false") == ["Rewarded"]
        assert page.ranks("rewards/false") == page.ranks("offline/false") == ["1"]
        buttons = page.page.get_by_role("group", name="Track").get_by_role("button")
        assert buttons.all_inner_texts()[-1] == "Rewards"
        buttons.last.click()
        assert page.names("rewards/false") == ["Rewarded"]
        assert page.names("offline/false") == []
        assert "1 entry" in page.page.locator("#count").inner_text()


def test_the_form_filters(desk: Opened) -> None:
    form = desk.page.get_by_role("group", name="What demonstrations show")
    form.get_by_role("button", name="States only").click()
    assert desk.names("interactive/true") == ["Rolled Blind"]
    assert desk.names("offline/false") == desk.names("interactive/false") == []
    form.get_by_role("button", name="States and actions").click()
    assert desk.names("interactive/true") == []
    assert "Cloned" in desk.names()


def test_a_family_filters_and_ranks_by_itself(desk: Opened) -> None:
    desk.page.get_by_label("Family", exact=True).select_option(ANT)
    assert desk.names("offline/false") == ["Partial", "Cloned", "Frugal", HOSTILE]
    assert desk.ranks("offline/false") == ["1", "2", "3", "4"]
    assert desk.names("published") == []
    assert desk.page.get_by_role("button", name="min distance").count() == 1
    desk.page.get_by_label("Family", exact=True).select_option(CHEETAH)
    assert "Partial" not in desk.names()
    assert len(desk.names("published")) == 13
    line = desk.page.locator("[data-row='paper-smile']").inner_text()
    assert "0.125" in line
    assert "± 0.060" in line
    assert "published, unverified" in line


def test_demonstrations_filter(desk: Opened) -> None:
    desk.page.get_by_label("Demos per task").select_option("4")
    assert desk.names("offline/false") == ["Frugal"]
    assert all("4 demonstrations" in name for name in desk.names("published"))
    assert len(desk.names("published")) == 3


def test_entries_are_found_by_name_and_keep_the_cursor(desk: Opened) -> None:
    box = desk.page.get_by_label("Find")
    box.press_sequentially("clon")
    assert desk.names() == ["Cloned"]
    assert box.evaluate("node => node === document.activeElement")


def test_a_view_is_kept_in_the_address(desk: Opened, site: Path) -> None:
    desk.page.get_by_label("Family", exact=True).select_option(CHEETAH)
    desk.page.get_by_role("button", name="Worst task").click()
    shown = desk.names()
    address = desk.page.url
    assert "family=" in address
    desk.page.goto("about:blank")
    desk.page.goto(address)
    assert desk.names() == shown
    assert desk.page.locator("th[aria-sort='ascending'] .label").inner_text() == "Worst task"
    desk.requests = [url for url in desk.requests if url != "about:blank"]


def test_versions_are_never_mixed(desk: Opened) -> None:
    assert "Older" not in desk.names()
    desk.page.get_by_label("Protocol and MuJoCo").select_option("v0/3.17")
    assert desk.names("offline/false") == ["Older"]
    assert desk.ranks("offline/false") == ["1"]
    assert "Rolled" not in desk.names()


def test_a_row_opens_to_its_evidence(desk: Opened, site: Path) -> None:
    button = desk.page.get_by_role("button", name="Cloned", exact=True)
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    link = desk.page.locator(".evidence a").first
    path = site.parent / str(link.get_attribute("href"))
    assert path.is_file()
    assert "shot curve: seed 0: not replayed" in desk.page.locator(".detail").inner_text()
    assert desk.page.get_by_role("link", name="Paper").get_attribute("href") == (
        "https://example.org/paper"
    )


def test_a_row_says_which_seeds_have_evidence_and_how_few_they_are(desk: Opened) -> None:
    row = desk.page.locator("#board tr.row", has_text="Cloned")
    status = row.locator(".status")
    assert status.inner_text() == "seed 0: not replayed; seed 1: no evidence at hand"
    assert "absent" in str(status.get_attribute("class"))
    assert row.locator(".badge").inner_text() == "2 seeds"
    row.get_by_role("button", name="Cloned", exact=True).click()
    links = desk.page.locator(".detail tr", has_text="Half-cheetah velocity").locator(
        ".evidence li"
    )
    assert links.all_inner_texts() == [
        f"seed {seed}: primary 1 shot 2 shots 3 shots 4 shots" for seed in (0, 1)
    ]
    shots = desk.page.locator(".detail", has_text="shot curve").last.inner_text()
    assert "shot curve: seed 0: not replayed; seed 1: no evidence at hand" in shots


def points(desk: Opened, figure: str) -> int:
    found: int = desk.page.locator(f"#{figure} .series path.m").count()
    return found


def test_plots_show_every_task_and_context_size(desk: Opened) -> None:
    buttons = desk.page.get_by_role("group", name="Family of the plots")
    drawn = desk.page.locator("#legend li:not(.key)").count()
    assert drawn == 4
    buttons.get_by_role("button", name="Half-cheetah velocity").click()
    assert points(desk, "per-task") == 4 * 30
    assert points(desk, "shots") == 4 * 4
    assert desk.page.locator("#learning .line").count() == 2
    buttons.get_by_role("button", name="Ant goal").click()
    assert points(desk, "per-task") == 4 * 16
    assert not desk.page.locator("#shots").is_visible()
    buttons.get_by_role("button", name="Ant linear classification").click()
    assert points(desk, "shots") == 4 * 8
    buttons.get_by_role("button", name="Grid goal").click()
    assert points(desk, "per-task") == 24
    assert points(desk, "cost") == 4


def test_points_lie_where_their_numbers_say(desk: Opened) -> None:
    buttons = desk.page.get_by_role("group", name="Family of the plots")
    buttons.get_by_role("button", name="Half-cheetah velocity").click()
    shots = desk.page.locator("#shots")
    cloned = desk.page.locator("#legend li", has_text="Cloned").locator("path.m")
    colour = str(cloned.get_attribute("class")).split()[1]
    heights = shots.locator(f".series.{colour} path.m").evaluate_all(
        "all => all.map(m => m.getBBox().y + m.getBBox().height / 2)"
    )
    # More demonstrations, less error, lower on the page by equal steps.
    steps = [after - before for before, after in pairwise(heights)]
    assert min(steps) > 5
    assert max(steps) - min(steps) < 1.0
    desk.page.locator("#shots summary").click()
    first = shots.locator(".plain tbody tr").first.inner_text()
    assert re.match(r"1\s+\d", first)


def test_entries_are_drawn_and_taken_away(desk: Opened) -> None:
    desk.page.get_by_role("button", name="Remove Cloned from the plots").click()
    assert desk.page.locator("#legend li:not(.key)").count() == 3
    mark = desk.page.get_by_role("button", name="Draw Cloned in the plots")
    assert mark.get_attribute("aria-pressed") == "false"
    mark.click()
    assert mark.get_attribute("aria-pressed") == "true"
    assert desk.page.locator("#legend li:not(.key)").count() == 4


def test_everything_is_reached_by_keyboard(desk: Opened) -> None:
    page = desk.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the ranking"
    page.keyboard.press("Enter")
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => {
                  const node = document.activeElement;
                  const style = getComputedStyle(node);
                  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
                  return `${node.tagName}.${node.classList[0] || node.id || ''} ${seen}`;
                }"""
            )
        )
    wanted = {"BUTTON.segment", "SELECT.family", "INPUT.find", "BUTTON.sorter", "BUTTON.mark"}
    wanted |= {"BUTTON.title", "BUTTON.remove", "svg.canvas"}
    assert wanted <= {one.split()[0] for one in reached}
    assert all(one.endswith("true") for one in reached if one.split()[0] in wanted)


def test_keys_sort_open_and_step_through_points(desk: Opened) -> None:
    page = desk.page
    page.get_by_role("button", name="Entry", exact=True).focus()
    page.keyboard.press("Enter")
    assert desk.names("offline/false")[1] == "Cloned"
    # The focus stays although the table was drawn again.
    page.keyboard.press("Enter")
    assert desk.names("offline/false")[0] == "Partial"
    plot = page.locator("#per-task svg")
    plot.focus()
    assert page.locator("#per-task .tip").is_hidden()
    page.keyboard.press("ArrowRight")
    first = page.locator("#per-task .tip").inner_text()
    assert "task at 5.6°" in first
    page.keyboard.press("ArrowRight")
    assert page.locator("#per-task .tip").inner_text() != first
    page.keyboard.press("Escape")
    assert page.locator("#per-task .tip").is_hidden()


def test_assistive_technology_finds_the_structure(desk: Opened) -> None:
    page = desk.page
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    assert page.locator("#board thead th[scope=col][aria-sort]").count() == (
        page.locator("#board thead th").count()
    )
    rows_shown = page.locator("#board tr.row").count()
    assert page.locator("#board tr.row th[scope=row]").count() == rows_shown
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, a, svg[tabindex]')]
             .filter((n) => !n.textContent.trim() && !n.getAttribute('aria-label'))
             .filter((n) => !n.labels?.length)
             .map((n) => n.outerHTML.slice(0, 80))"""
    )
    assert unnamed == []


CONTRAST = """() => {
  const light = (c) => {
    const v = c.map((x) => x / 255)
      .map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
  };
  const parse = (text) => {
    const m = text.match(/[\\d.]+/g).map(Number);
    return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3);
  };
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest('script, option')) continue;
    const style = getComputedStyle(node);
    const text = parse(node instanceof SVGElement ? style.fill : style.color);
    if (!text) continue;
    const [a, b] = [light(text), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${node.tagName}.${node.getAttribute('class')} ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
}"""


@pytest.mark.parametrize("scheme", ["desk", "night"])
def test_text_is_readable_by_day_and_night(scheme: str, request: pytest.FixtureRequest) -> None:
    found: Opened = request.getfixturevalue(scheme)
    found.page.get_by_role("button", name="Cloned", exact=True).click()
    assert found.page.evaluate(CONTRAST) == []
    background = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3]))
    assert (brightness < 150) == (scheme == "night")


def test_a_phone_shows_everything_without_scrolling_sideways(phone: Opened) -> None:
    page = phone.page
    page.get_by_role("button", name="Cloned", exact=True).tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("innerWidth") == 360
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('#board *, .figure > *')]
             .filter((n) => n.checkVisibility() && !n.closest('.detail-scroll, thead, caption'))
             .filter((n) => {
               const b = n.getBoundingClientRect();
               return b.width > 1 && (b.right > 361 || b.left < -1);
             })
             .map((n) => n.tagName + '.' + n.getAttribute('class'))"""
    )
    assert beyond == []
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll('body *')]
             .filter((n) => n.checkVisibility() && !n.closest('thead'))
             .filter((n) => [...n.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim()))
             .map((n) => parseFloat(getComputedStyle(n).fontSize)))"""
    )
    assert smallest >= 11


def test_a_phone_sorts_by_a_menu(phone: Opened) -> None:
    phone.page.get_by_label("Sort by").select_option("entry")
    assert phone.names("offline/false") == [HOSTILE, "Cloned", "Frugal", "Partial"]
    phone.page.get_by_label("Sort by").select_option("score")
    assert phone.names("offline/false") == ["Cloned", "Frugal", HOSTILE, "Partial"]


def test_what_did_not_replay_exactly_stands_apart(browser: Any, tmp_path: Path) -> None:
    checked = read_entry(write_entry(tmp_path, "honest", level=0.5, spread=0.1))
    other = read_entry(write_entry(tmp_path, "elsewhere", level=0.9, spread=0.1))
    found = entry_rows(checked, lambda one: Status.EXACT, FAMILIES)
    found += entry_rows(other, lambda one: Status.CLOSE, FAMILIES)
    document = leaderboard_document(rank(found), load_published(), FAMILIES, evidence_base="e/")
    page = tmp_path / "index.html"
    page.write_text(leaderboard_page(document), encoding="utf-8")
    for front in opened(browser, page, view=""):
        assert front.names("all") == ["Honest"]
        assert front.names("apart") == ["Elsewhere"]
        assert front.ranks("apart") == ["–"]
        row = front.page.locator("#board tbody[data-group='apart'] tr.row")
        assert row.locator(".status").inner_text() == "replayed, within tolerance"
        assert row.locator(".best").count() == 0
        assert front.page.locator("#answer").inner_text().startswith("Best overall\nHonest")
        assert front.page.locator("#trust").is_hidden()
        honest = front.page.locator("#board tbody[data-group='all'] .checks .done")
        assert honest.all_inner_texts() == ["replayed ✓"]


def test_coverage_is_shown_where_no_demonstrations_were_used(browser: Any, tmp_path: Path) -> None:
    explored = {"training": without_demonstrations(GRID, share=0.75)}
    about: dict[str, Any] = {"track": "unsupervised", "demonstrations": {GRID: 0}}
    folders = [
        write_entry(tmp_path, "cloned", families=(GRID,)),
        write_entry(tmp_path, "explored", families=(GRID,), facts=explored, **about),
    ]
    found = [
        row
        for folder in folders
        for row in entry_rows(read_entry(folder), lambda one: Status.EXACT, FAMILIES)
    ]
    document = leaderboard_document(rank(found), load_published(), FAMILIES, evidence_base="e/")
    page = tmp_path / "index.html"
    page.write_text(leaderboard_page(document), encoding="utf-8")
    for shown in opened(browser, page):
        assert shown.names("unsupervised/false") == ["Explored"]
        heading = shown.page.locator("#board tbody[data-group='unsupervised/false'] .group-title")
        assert heading.inner_text() == "Unsupervised"
        covered = shown.page.locator("#board .coverage")
        assert covered.all_inner_texts() == ["75\u00a0% covered"]
        row = shown.page.locator("#board tbody[data-group='unsupervised/false'] tr.row")
        assert row.locator("td[data-label='Demos']").inner_text() == "0"
        row.locator("button.title").click()
        detail = shown.page.locator("#board tr.detail")
        assert "no demonstrations" in detail.inner_text()
        assert "75\u00a0% of the cells reached" in detail.inner_text()
        shown.page.get_by_label("Family", exact=True).select_option(GRID)
        columns = shown.page.locator("#board thead .label").all_inner_texts()
        assert "Coverage" in columns
