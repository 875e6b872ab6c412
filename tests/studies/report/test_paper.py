"""Which of the paper's numbers belong to a cell, and how ours compare with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from smile_bench.datasets import Condition
from smile_bench.studies.reading import parse_study, read_study
from smile_bench.studies.report.paper import (
    SCORE,
    PaperNumber,
    paper_families,
    paper_numbers,
    verdict,
)
from smile_bench.studies.study import Cell
from tests.studies.report.made import ANT, BUDGET, CHEETAH, CLASSIFICATION, PAPER, WALKER

STUDIES = Path(__file__).parents[3] / "studies"


def cell(agent: str, family: str, condition: str = "canonical") -> Cell:
    return Cell(agent=agent, family=family, condition=Condition.parse(condition), seeds=(0,))


@pytest.mark.parametrize(
    ("agent", "family", "condition", "numbers"),
    [
        ("smile", CHEETAH, "canonical", {"velocity_error": (0.125, 0.060)}),
        ("smile-paper", CHEETAH, "16 demonstrations", {"velocity_error": (0.125, 0.060)}),
        ("smile-state-only", CHEETAH, "4 demonstrations", {"velocity_error": (0.186, 0.107)}),
        ("meta-bc", CHEETAH, "64 demonstrations", {"velocity_error": (0.468, 0.274)}),
        (
            "meta-dagger",
            CHEETAH,
            "64 demonstrations, subsample 1",
            {"velocity_error": (0.082, 0.059)},
        ),
        (
            "meta-dagger",
            WALKER,
            "canonical",
            {"episode_return": (2404.1, 91.7), SCORE: (0.275, 0.089)},
        ),
        ("smile", CLASSIFICATION, "canonical", {"success": (0.68, 0.01), "no_op": (0.02, 0.02)}),
        ("meta-dagger", CHEETAH, "canonical", {}),
        ("smile", CHEETAH, "16 demonstrations, 8 tasks", {}),
        ("smile", CHEETAH, "16 demonstrations, noisy", {}),
        ("smile", ANT, "canonical", {}),
        ("retrieve-and-play", CHEETAH, "canonical", {}),
    ],
)
def test_a_cell_has_the_papers_numbers_on_the_same_data(
    agent: str, family: str, condition: str, numbers: dict[str, tuple[float, float]]
) -> None:
    found = paper_numbers(cell(agent, family, condition))
    assert {one.metric: (one.mean, one.sd) for one in found} == numbers


def test_only_table_1_pools_over_tasks() -> None:
    (cheetah,) = paper_numbers(cell("smile", CHEETAH))
    walker, _ = paper_numbers(cell("smile", WALKER))
    assert cheetah.pooled
    assert not walker.pooled


def test_a_study_with_a_whole_table_is_compared_with_it() -> None:
    pytest.importorskip("torch")
    assert set(paper_families(parse_study(PAPER, "a"))) == {CHEETAH, CLASSIFICATION, WALKER}
    assert paper_families(parse_study(BUDGET, "b")) == ()
    part = PAPER.replace('"64 demonstrations, subsample 1",', "")
    assert set(paper_families(parse_study(part, "c"))) == {CLASSIFICATION, WALKER}


def test_the_studies_of_the_repository() -> None:
    pytest.importorskip("torch")
    assert len(paper_families(read_study(STUDIES / "paper.toml"))) == 3
    budget = read_study(STUDIES / "budget.toml")
    assert paper_families(budget) == ()
    assert len(budget.cells) == 3 * 2 * 3 * 4
    assert len(budget.jobs(1)) == len(budget.cells)  # The seeds of a cell are one computation.
    assert {cell.seeds for cell in budget.cells} == {(0, 1, 2)}


@pytest.mark.parametrize(
    ("ours", "higher", "expected"),
    [
        (0.50, False, "better"),
        (0.49, False, "better"),
        (0.51, False, "within"),
        (0.60, False, "within"),
        (0.61, False, "worse"),
        (0.50, True, "better"),
        (0.51, True, "better"),
        (0.49, True, "within"),
        (0.40, True, "within"),
        (0.39, True, "worse"),
    ],
)
def test_the_verdict_follows_the_good_direction(ours: float, higher: bool, expected: str) -> None:
    number = PaperNumber(metric="m", mean=0.5, sd=0.1, source="Table 1")
    assert verdict(ours, number, higher) == expected
