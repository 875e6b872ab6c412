"""Figures: what they show, and that they are always the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.envs import get_family
from smile_bench.studies.report import drawing
from smile_bench.studies.report.budget import budget_surfaces
from smile_bench.studies.report.notes import Notes
from smile_bench.studies.report.study_figures import curves_figure, learning_curve, surface_figure
from smile_bench.studies.report.task_figures import shots_figure, task_figure
from smile_bench.studies.report.writing import render_report
from smile_bench.studies.results import CellResult, read_cells
from tests.helpers.made_folders import made_study
from tests.studies.report.made import ANT, BUDGET, CHEETAH, CLASSIFICATION, PAPER, WALKER, level

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

MISSING = f"smile | {ANT} | 4 demonstrations, 8 tasks"
STYLES = drawing.agent_styles(["smile", "smile-state-only", "meta-bc", "meta-dagger"])


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[CellResult]:
    return list(read_cells(made_study(tmp_path_factory.mktemp("figures") / "s", PAPER, level)))


def on(cells: list[CellResult], family: str) -> list[CellResult]:
    return [one for one in cells if one.cell.family == family]


def line(panel: Any, label: str) -> Any:
    (found,) = (one for one in panel.get_lines() if one.get_label() == label)
    return found


def test_the_same_results_give_the_same_files(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", BUDGET)
    first = render_report(folder, file="a.toml", notes=Notes())
    again = render_report(folder, file="a.toml", notes=Notes())
    assert first == again
    images = {name: text for name, text in first.items() if name.endswith(".svg")}
    assert len(images) == 3
    for text in images.values():
        assert "<dc:date>" not in text
        assert "Matplotlib" not in text


def test_drawing_leaves_matplotlibs_settings_alone(cells: list[CellResult]) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    canvas, _ = task_figure(ANT, on(cells, ANT), STYLES)
    drawing.svg(canvas)
    assert dict(matplotlib.rcParams) == before


def test_goals_on_a_circle_are_polar(cells: list[CellResult]) -> None:
    mine = on(cells, ANT)
    canvas, caption = task_figure(ANT, mine, STYLES)
    (panel,) = canvas.panels
    assert panel.name == "polar"
    assert panel.get_title() == "16 demonstrations, all tasks"
    drawn = line(panel, "meta-bc")
    (bc,) = (one for one in mine if one.cell.agent == "meta-bc")
    goals = get_family(ANT).table("test")
    by_angle = dict(zip(drawn.get_xdata(), drawn.get_ydata(), strict=True))
    assert len(by_angle) == len(goals)
    for goal, mean in zip(goals, bc.metrics().mean(axis=0), strict=True):
        assert by_angle[np.arctan2(goal[1], goal[0])] == pytest.approx(mean)
    assert len(drawn.get_xdata()) == len(goals) + 1  # Closed.
    assert "min distance [m]" in caption


def test_error_over_the_target_velocity(cells: list[CellResult]) -> None:
    canvas, _ = task_figure(CHEETAH, on(cells, CHEETAH), STYLES)
    titles = [panel.get_title() for panel in canvas.panels]
    assert len(titles) == 4
    panel = canvas.panels[titles.index("16 demonstrations, all tasks")]
    drawn = line(panel, "smile")
    assert drawn.get_xdata() == pytest.approx(np.arange(0.05, 3.0, 0.1))
    (one,) = (
        one
        for one in on(cells, CHEETAH)
        if one.cell.agent == "smile" and one.cell.condition.on(CHEETAH).canonical
    )
    assert drawn.get_ydata() == pytest.approx(one.metrics().mean(axis=0))
    assert len(panel.collections) == 4  # A band for each agent.
    alone = canvas.panels[titles.index("4 demonstrations, all tasks")]
    assert len(alone.collections) == 3  # One seed has no band.
    assert canvas.panels[0].get_ylabel() == "velocity error [m/s]"


def test_bodies_against_their_experts(cells: list[CellResult]) -> None:
    mine = on(cells, WALKER)
    canvas, _ = task_figure(WALKER, mine, STYLES)
    assert [panel.get_title() for panel in canvas.panels] == [one.cell.agent for one in mine]
    points = canvas.panels[0].containers[0].lines[0]
    assert points.get_ydata() == pytest.approx(mine[0].metrics().mean(axis=0))


def test_success_over_the_demonstrations_in_the_context(cells: list[CellResult]) -> None:
    mine = on(cells, CLASSIFICATION)
    found = shots_figure(CLASSIFICATION, mine, STYLES)
    assert found is not None
    (panel,) = found[0].panels
    drawn = line(panel, mine[0].cell.agent)
    assert drawn.get_xdata().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    results = list(mine[0].results.values())
    expected = np.mean([r.episodes["success"][r.shots == 3].mean() for r in results])
    assert drawn.get_ydata()[2] == pytest.approx(expected)
    assert shots_figure(ANT, on(cells, ANT), STYLES) is None


def test_a_line_a_seed(cells: list[CellResult]) -> None:
    mine = on(cells, ANT)
    found = curves_figure(ANT, mine, STYLES)
    assert found is not None
    canvas, _ = found
    assert len(canvas.panels) == 2
    for panel, one in zip(canvas.panels, mine, strict=True):
        drawn = [shown for shown in panel.get_lines() if len(shown.get_xdata()) > 1]
        assert len(drawn) == len(one.seeds) == 3
        for shown, curve in zip(drawn, one.curves.values(), strict=True):
            assert curve is not None
            assert tuple(shown.get_ydata()) == curve.values
            assert list(shown.get_xdata()) == [10.0 * i for i in range(1, 11)]


def test_a_log_is_read_where_it_was_validated(tmp_path: Path) -> None:
    log = tmp_path / "progress.csv"
    log.write_text("iteration,seconds,validation/m\n1,1,\n2,2,0.5\n3,3,\n4,4,0.25\n")
    assert learning_curve(log, "m") == ([2.0, 4.0], [0.5, 0.25])


def test_the_surface_has_its_numbers(tmp_path: Path) -> None:
    folder = made_study(
        tmp_path / "s",
        BUDGET,
        lambda cell, seed: None if cell.label.startswith(MISSING) else 0.42,
        spread=0.0,
    )
    canvas, _ = surface_figure(budget_surfaces("s", read_cells(folder)))
    texts = {
        panel.get_title(): [text.get_text() for text in panel.texts] for panel in canvas.panels
    }
    assert texts == {"meta-bc": ["0.42"] * 4, "smile": ["0.42", "0.42", "–", "0.42"]}


def test_the_papers_agents_look_the_same_in_every_study() -> None:
    alone = drawing.agent_styles(["retrieve-and-play", "meta-bc"])
    assert alone["meta-bc"] == STYLES["meta-bc"]
    four = [STYLES[name] for name in ("smile", "smile-state-only", "meta-bc", "meta-dagger")]
    for part in ("color", "dash", "marker"):
        assert len({getattr(style, part) for style in four}) == 4


@pytest.mark.parametrize(
    ("panels", "kinds", "columns"), [(12, 3, 3), (4, 3, 4), (8, 4, 4), (10, 5, 4), (3, 1, 4)]
)
def test_columns_of_a_grid(panels: int, kinds: int, columns: int) -> None:
    assert drawing.even_columns(panels, kinds) == columns


def test_long_titles_are_cut() -> None:
    canvas = drawing.Canvas(2, (2.0, 2.0))
    panel = canvas.titled(1, "agent\n" + "a setting of this agent, " * 20)
    lines = panel.get_title().splitlines()
    assert lines[0] == "agent"
    assert lines[-1] == "…"
    assert len(lines) == 4
    assert max(map(len, lines)) <= 26
