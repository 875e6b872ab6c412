"""The page: what stands where, in words and tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smile_bench.studies.folder import StudyFolder
from smile_bench.studies.report import write_report
from smile_bench.studies.report.notes import Notes
from smile_bench.studies.study import Cell
from tests.helpers.made_folders import made_study, write_seed
from tests.studies.report.made import ANT, BUDGET, PAPER, level

pytest.importorskip("torch")
pytest.importorskip("matplotlib")


def page_of(folder: StudyFolder, output: Path, notes: Notes | None = None) -> str:
    write_report(folder, output, file="studies/small.toml", notes=notes)
    return (output / "index.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    _, found, rest = page.partition(f"\n## {title}\n")
    assert found, title
    return rest.split("\n## ")[0]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, its header first."""
    found = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    return [
        [
            [cell.strip() for cell in line.replace("\xa0", " ").strip("|").split("|")]
            for line in table.strip().splitlines()
            if not line.startswith("| ---")
        ]
        for table in found
    ]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("paper")
    folder = made_study(work / "study", PAPER, level)
    page_of(folder, work / "page", Notes({"meta-bc | *": "It imitates."}))
    return work / "page"


@pytest.fixture(scope="module")
def paper(output: Path) -> str:
    return (output / "index.md").read_text(encoding="utf-8")


def test_the_first_sentence_counts(paper: str) -> None:
    assert paper.startswith("# The SMILe paper, reproduced\n\nA part of the paper.\n\n**Of 29 ")
    sentence = paper.splitlines()[4]
    compared = [
        row
        for title in ("Half-cheetah velocity", "Ant linear classification", "Walker dynamics")
        for table in tables(section(paper, title))
        for row in (dict(zip(table[0], line, strict=True)) for line in table[1:])
        if row["paper"] != "–"
    ]
    assert len(compared) == 29
    verdicts = [row["verdict"].strip("*") for row in compared]
    for verdict, pattern in {
        "better": r"(\d+) (?:is|are) at or beyond the paper's mean",
        "within": r"(\d+) (?:is|are) behind it by no more than its ±",
        "worse": r"(\d+) (?:is|are) worse",
        "–": r"(\d+) (?:is|are) without a result",
    }.items():
        found = re.search(pattern, sentence)
        assert found
        assert int(found[1]) == verdicts.count(verdict) > 0
    mine = [r["verdict"] for r in compared if r["agent"] == "meta-bc"]
    assert f"meta-bc {mine.count('better')} of {len(mine)}" in sentence
    # Made up: SMILe scores more than Meta-BC everywhere. Two agents on seven conditions less one
    # on ant goal, which has one SMILe.
    assert "SMILe is ahead of Meta-BC on the same data in 13 of 13 pairs of cells" in sentence


def test_what_is_worse_is_named_with_its_reason(paper: str) -> None:
    listed = paper.partition("Worse than in the paper:\n")[2].partition("\n\nMade by")[0]
    lines = listed.strip().splitlines()
    assert len(lines) == paper.count("| **worse** |") > 0
    assert all("meta-bc" in line and line.endswith("It imitates.") for line in lines)


def test_a_table_of_the_paper(paper: str) -> None:
    (table,) = tables(section(paper, "Half-cheetah velocity"))
    assert table[0] == [
        "agent",
        "data",
        "paper",
        "ours",
        "verdict",
        "deviation",
        "seeds",
        "pooled sd",
        "score (IQM)",
        "why",
    ]
    rows = {(line[0], line[1]): dict(zip(table[0], line, strict=True)) for line in table[1:]}
    assert len(rows) == 15  # Meta-DAgger at 64 demonstrations is neither here nor in the paper.
    one_seed = rows["smile", "4 demonstrations"]
    assert one_seed["seeds"] == "1"
    assert "±" not in one_seed["ours"]
    assert one_seed["paper"] == "0.181 ± 0.095"
    missing = rows["meta-dagger", "64 demonstrations, subsample 1"]
    assert (missing["ours"], missing["paper"], missing["seeds"]) == ("–", "0.082 ± 0.059", "0")
    ours_alone = rows["meta-dagger", "4 demonstrations"]
    assert (ours_alone["paper"], ours_alone["verdict"]) == ("–", "–")
    assert float(ours_alone["pooled sd"]) > 0.0
    bc = rows["meta-bc", "16 demonstrations"]
    assert (bc["why"], rows["smile", "16 demonstrations"]["why"]) == ("1", "")
    assert "\nWhy:\n\n1. It imitates.\n" in section(paper, "Half-cheetah velocity")
    mean, _, sd = bc["ours"].partition(" ± ")
    assert float(sd) > 0.0
    gap = float(bc["deviation"].replace("−", "-"))
    assert gap == pytest.approx(float(mean.strip("*")) - 0.643, abs=1e-3)


def test_each_metric_of_the_paper_has_its_table(paper: str) -> None:
    text = section(paper, "Ant linear classification")
    assert len(tables(text)) == 2
    assert "success ↑. Paper: Table 2, right." in text
    assert "no op ↓. Paper: Table 2, right." in text
    returns, scores = tables(section(paper, "Walker dynamics"))
    assert returns[1][2] == "3106.6 ± 67.6"
    assert scores[1][2] == "0.710 ± 0.036"
    assert "pooled sd" not in returns[0]


def test_a_family_of_a_figure_has_no_column_of_the_paper(paper: str) -> None:
    text = section(paper, "Ant goal")
    assert "The paper shows this family in figure 2, without numbers." in text
    (table,) = tables(text)
    assert table[0] == ["agent", "data", "seeds", "min distance [m] ↓", "score (IQM)", "why"]
    assert [line[5] for line in table[1:]] == ["", "1"]


def test_what_is_missing_is_listed(paper: str) -> None:
    lines = section(paper, "What is missing").strip().splitlines()[2:]
    assert lines == [
        "- Half-cheetah velocity, smile, 4 demonstrations: 1 of 3 seeds.",
        "- Half-cheetah velocity, meta-dagger, 64 demonstrations: no result.",
        "- Half-cheetah velocity, meta-dagger, 64 demonstrations, subsample 1: no result.",
    ]


def test_the_commands_and_the_costs(paper: str) -> None:
    assert "smile-bench study run studies/small.toml\nsmile-bench study report" in paper
    (table,) = tables(section(paper, "Costs"))
    last = table[-1]
    trainings = sum(int(line[3]) for line in table[1:-1])
    assert last[3] == f"**{trainings}**"
    hours = sum(float(line[4]) * int(line[3]) for line in table[1:-1])
    assert float(last[4].strip("*")) == pytest.approx(hours)
    queries = sum(int(line[7]) * int(line[3]) for line in table[1:-1])
    assert last[7] == f"**{queries:,}**".replace(",", " ")


def test_figures_exist_and_are_shown(output: Path, paper: str) -> None:
    shown = re.findall(r"!\[[^\]]+\]\((figures/[^)]+\.svg)\)", paper)
    written = {path.relative_to(output).as_posix() for path in output.rglob("*.svg")}
    assert set(shown) == written
    assert len(shown) == len(written)
    kinds = {(path.partition("-v0-")[0][13:], path.rpartition("-")[2][:-4]) for path in shown}
    assert ("AntGoal", "tasks") in kinds
    assert ("HalfCheetahVelocity", "shots") in kinds
    assert ("AntLinearClassification", "tasks") not in kinds  # Its tasks have no order.


def test_a_study_that_is_not_the_papers(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", BUDGET)
    page = page_of(folder, tmp_path / "page")
    assert page.startswith("# Study: small-budget\n")
    assert "paper" not in page.lower()
    (table,) = tables(section(page, "Ant goal"))
    assert len(table) == 1 + len(folder.study.cells)
    assert section(page, "What is missing").strip().startswith("Nothing: every cell has all")


def test_the_surface_and_its_two_numbers(tmp_path: Path) -> None:
    def reached(cell: Cell, seed: int) -> float:
        condition = cell.condition.on(ANT)
        return 0.1 * condition.demonstrations + 0.01 * condition.tasks

    folder = made_study(tmp_path / "study", BUDGET, reached, spread=0.0)
    (table,) = tables(section(page_of(folder, tmp_path / "page"), "Budget surfaces"))
    assert table[0][2:4] == ["mean", "4 demonstrations, 8 tasks"]
    # Two amounts of each: the trapezoid rule is the mean of the corners.
    expected = (0.18 + 0.48 + 0.42 + 0.72) / 4
    assert [line[:3] for line in table[1:]] == [
        ["Ant goal", agent, f"{expected:.3f}"] for agent in ("meta-bc", "smile")
    ]
    assert table[1][3] == "0.480 [0.480, 0.480]"


def test_a_training_that_ends_far_from_its_best_is_marked(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", BUDGET, lambda cell, seed: None)
    first, second = folder.jobs[0], folder.jobs[1]
    write_seed(folder, first, first.seeds[0], 0.8, gap=0.16)
    write_seed(folder, second, second.seeds[0], 0.8, gap=0.14)
    page = page_of(folder, tmp_path / "page")
    (table,) = tables(section(page, "Stability"))
    assert [line[7] for line in table[1:]] == ["**0.160, above 0.15**"]
    missing = section(page, "What is missing")
    assert missing.count("no result.") == 7
    assert "2 of 3 seeds." in missing


def test_a_study_without_results(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", PAPER, lambda cell, seed: None)
    page = page_of(folder, tmp_path / "page")
    assert "None of 29 comparisons with the paper's tables has a result yet." in page
    assert "Nothing was trained." in section(page, "Costs")
    assert "## Stability" not in page


def test_a_diverged_seed_is_named(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", BUDGET, lambda cell, seed: None)
    job = folder.jobs[0]
    place = folder.of(job) / f"seed-{job.seeds[0]}"
    place.mkdir(parents=True)
    (place / "diverged.json").write_text("{}", encoding="utf-8")
    missing = section(page_of(folder, tmp_path / "page"), "What is missing")
    assert missing.count("no result; seed 0 diverged.") == 1


def test_an_agent_with_one_row_of_a_surface_has_none(tmp_path: Path) -> None:
    def reached(cell: Cell, seed: int) -> float | None:
        small = cell.condition.tasks == 8
        return None if cell.agent == "smile" and small else 0.5

    page = page_of(made_study(tmp_path / "study", BUDGET, reached), tmp_path / "page")
    (table,) = tables(section(page, "Budget surfaces"))
    assert [line[1] for line in table[1:]] == ["meta-bc"]
