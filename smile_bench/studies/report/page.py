"""The page of a report, as Markdown that GitHub and MkDocs both show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from smile_bench.envs import get_family
from smile_bench.leaderboard.page.published import load_published
from smile_bench.leaderboard.surface import Surface
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.report import tables
from smile_bench.studies.report.findings import FEWEST_SEEDS, behind, headline, missing
from smile_bench.studies.report.measurements import Measurement, ordered
from smile_bench.studies.report.paper import FIGURES
from smile_bench.studies.results import CellResult

__all__ = ["Drawn", "render_page"]


@dataclass(frozen=True)
class Drawn:
    """A figure in the report."""

    file: str
    """Its path in the report's folder."""
    caption: str
    family: str
    kind: str
    """``"tasks"``, ``"shots"``, ``"curves"`` or ``"surface"``."""


def render_page(
    folder: StudyFolder,
    rows: Sequence[Measurement],
    results: Mapping[str, CellResult],
    surfaces: Sequence[Surface],
    figures: Sequence[Drawn],
    compared: Sequence[str],
    file: str,
) -> str:
    """The page.

    Args:
        folder: of the study.
        rows: all measurements.
        results: by the cells' ids.
        surfaces: over budgets.
        figures: those that were drawn.
        compared: the families on which the paper's numbers stand beside ours.
        file: what commands call the study.
    """
    study = folder.study
    cells = [results[cell.id] for cell in ordered(study) if cell.id in results]
    title = "The SMILe paper, reproduced" if compared else f"Study: {study.name}"
    parts = [f"# {title}", *([study.description] if study.description else [])]
    if compared:
        parts += [f"**{headline(rows)}**", *_worse(rows)]
    parts += [_made_by(file), *_how_to_read(bool(compared))]
    for family in dict.fromkeys(row.cell.family for row in rows):
        mine = [row for row in rows if row.cell.family == family]
        parts += _family_section(family, mine, figures, compared)
    parts += _budget_section(surfaces, figures)
    parts += _stability_section(cells, figures)
    parts += ["## Costs", *_costs(cells)]
    parts += ["## What is missing", *_missing(folder, results)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _worse(rows: Sequence[Measurement]) -> Iterator[str]:
    if lines := behind(rows):
        yield "Worse than in the paper:"
        yield _bullets(lines)


def _made_by(file: str) -> str:
    return (
        "Made by these commands; the second writes this page, its figures and "
        "[the table as CSV](table.csv):\n\n"
        f"```sh\nsmile-bench study run {file}\nsmile-bench study report {file}\n```"
    )


def _how_to_read(compared: bool) -> Iterator[str]:
    yield "## How to read the tables"
    lines = [
        "**data**: demonstrations of each meta-train task, of all tasks unless it says of how "
        "many.",
        "**±** behind our numbers: standard deviation over seeds of each seed's mean over "
        "meta-test tasks. One seed has none.",
        "**score (IQM)**: interquartile mean of the normalised scores, where 1 is the task's "
        "expert and 0 the task-blind expert, with its 95 % bootstrap interval over seeds and "
        "tasks.",
    ]
    if compared:
        published = load_published()
        lines += [
            "**ours**: mean over meta-test tasks, then over seeds.",
            f"**paper**: mean ± standard deviation as printed in [{published.title}]"
            f"({published.address}) ({published.venue}). In table 1 the ± is over tasks and seeds; "
            "**pooled sd** is ours of the same kind. For table 2 the paper does not say; the ± is "
            "as small as one over seeds.",
            "**deviation**: ours less the paper's.",
            "**verdict**: *better* at the paper's mean or beyond it in the good direction, "
            "*within* if it is worse by no more than the paper's ±, else **worse**.",
            "The paper used other experts and demonstrations, an older MuJoCo and, for walker "
            "dynamics, other tasks.",
        ]
    yield _bullets(lines)


def _family_section(
    family: str,
    rows: Sequence[Measurement],
    figures: Sequence[Drawn],
    compared: Sequence[str],
) -> Iterator[str]:
    facts = get_family(family)
    yield f"## {facts.title}"
    yield f"`{family}`, protocol `{load_meta_test(family).version}`."
    if all(row.ours is None and row.paper is None for row in rows):
        yield "No cell has a result yet."
        return
    why = tables.reasons(rows)
    if family in compared:
        for metric in dict.fromkeys(row.metric for row in rows if row.paper is not None):
            mine = [row for row in rows if row.metric == metric]
            sources = dict.fromkeys(row.paper.source for row in mine if row.paper is not None)
            yield f"{tables.metric_title(family, metric)}. Paper: {', '.join(sources)}."
            yield tables.comparison_table(mine, why, scored=metric == facts.metric.name)
        yield from _numbered(why)
    elif any(row.ours is not None for row in rows):
        if compared and family in FIGURES:
            yield f"The paper shows this family in {FIGURES[family]}, without numbers."
        yield tables.plain_table(rows, why)
        yield from _numbered(why)
    yield from _images(figures, family, ("tasks", "shots"))


def _numbered(why: Mapping[str, int]) -> Iterator[str]:
    """The sentences to which the column "why" refers."""
    if why:
        yield "Why:"
        yield "\n".join(f"{number}. {text}" for text, number in why.items())


def _budget_section(surfaces: Sequence[Surface], figures: Sequence[Drawn]) -> Iterator[str]:
    if not surfaces:
        return
    yield "## Budget surfaces"
    yield (
        "Scores over the number of demonstrations and of tasks. **mean** is over the surface in "
        "log budget: the trapezoid rule over the logarithms of both, divided by the area. A "
        "surface with a missing cell has none."
    )
    yield tables.surface_table(surfaces)
    for family in dict.fromkeys(one.first.family for one in surfaces):
        yield from _images(figures, family, ("surface",))


def _stability_section(cells: Sequence[CellResult], figures: Sequence[Drawn]) -> Iterator[str]:
    if not any(figure.kind == "curves" for figure in figures):
        return
    yield "## Stability"
    yield (
        "The seed of each cell whose last checkpoint is furthest from the best one along the way, "
        "on the meta-validation tasks. The last checkpoint is the one that counts. **gap** is "
        "relative to the best, and large where the metric is close to 0; **gap as score** is "
        "relative to the distance between the expert and the task-blind expert on the meta-test "
        "tasks."
    )
    yield tables.stability_table(cells)
    for family in dict.fromkeys(figure.family for figure in figures):
        yield from _images(figures, family, ("curves",))


def _costs(cells: Sequence[CellResult]) -> Iterator[str]:
    trained = [one for one in cells if one.cell.trained]
    if not trained:
        yield "Nothing was trained."
        return
    processors = sorted(
        {str(result.hardware["processor"]) for one in trained for result in one.results.values()}
    )
    yield (
        "Of one training, averaged over seeds; the last line is the sum of all trainings. "
        "Trainings of one computation share its hours. Evaluated on: "
        f"{', '.join(processors)}."
    )
    yield tables.cost_table(trained)


def _missing(folder: StudyFolder, results: Mapping[str, CellResult]) -> Iterator[str]:
    lines = missing(folder, ordered(folder.study), results)
    if not lines:
        yield f"Nothing: every cell has all its seeds, and at least {FEWEST_SEEDS}."
        return
    yield (
        "Cells without a result, with fewer seeds than the study asks for, or with fewer than "
        f"{FEWEST_SEEDS}:"
    )
    yield _bullets(lines)


def _images(figures: Sequence[Drawn], family: str, kinds: Sequence[str]) -> Iterator[str]:
    for figure in figures:
        if figure.family == family and figure.kind in kinds:
            yield f"![{get_family(family).title}, {figure.kind}]({figure.file})"
            yield f"*{figure.caption}*"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
