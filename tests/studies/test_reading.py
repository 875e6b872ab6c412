"""Study files: what they give, and one line about whatever is wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from smile_bench.datasets import Condition
from smile_bench.errors import StudyError
from smile_bench.studies.reading import parse_study, read_study
from smile_bench.studies.study import Study

ROOT = Path(__file__).parents[2]
START = 'name = "mini"\n[[cells]]\nfamilies = ["SmileGridGoal-v0"]\nagents = ["tabular-smile"]\n'


def parse(text: str) -> Study:
    return parse_study(text, "study.toml")


def test_the_studies_that_ship_can_be_read() -> None:
    found = sorted((ROOT / "studies").glob("*.toml"))
    paths = [path for path in found if not path.name.endswith(".notes.toml")]
    assert paths
    for path in paths:
        assert read_study(path).name == path.stem


def test_an_entry_is_a_grid() -> None:
    study = parse(
        'name = "grid"\ndescription = "all"\nseeds = "0-1"\n'
        "[[cells]]\n"
        'families = "SmileGridGoal-v0"\n'
        'agents = ["tabular-smile"]\n'
        'conditions = ["canonical", { demonstrations = 2 }]\n'
        "settings = [{ iterations = 5 }, { iterations = 6, hidden = 16 }]\n"
        "[[cells]]\n"
        'families = ["SmileGridGoal-v0"]\nagents = ["expert"]\nseeds = [4, 5]\n'
    )
    *trained, untrained = study.cells
    assert {(cell.condition, cell.changes) for cell in trained} == {
        (condition, changes)
        for condition in (Condition(), Condition(demonstrations=2))
        for changes in (
            (("iterations", "5"),),
            (("hidden", "16"), ("iterations", "6")),
        )
    }
    assert all(cell.seeds == (0, 1) for cell in trained)
    assert untrained.seeds == (4,), "an agent that is not trained has one run"


def test_an_entry_overrides_what_stands_above() -> None:
    study = parse('seeds = "0-4"\ntogether = 5\n' + START + "seeds = 7\ntogether = 2\n")
    assert (study.cells[0].seeds, study.cells[0].together) == ((7,), 2)


def test_the_same_cell_of_two_entries_is_one_with_all_seeds() -> None:
    cells = START + "seeds = [0, 1]\n" + START.partition("\n")[2] + 'seeds = "1-2"\n'
    (cell,) = parse(cells).cells
    assert cell.seeds == (0, 1, 2)


@pytest.mark.parametrize(
    "settings",
    [
        "settings = { sac = { discount = 0.9 } }",
        'settings = { "sac.discount" = 0.9 }',
        "settings = { sac.discount = 0.9 }",
        'settings = { "sac.discount" = "0.9" }',
        "[cells.settings]\nsac.discount = 0.9",
        "[cells.settings.sac]\ndiscount = 0.9",
    ],
)
def test_settings_may_be_nested_or_dotted(settings: str) -> None:
    text = START.replace("tabular-smile", "smile").replace("SmileGridGoal", "SmileAntGoal")
    assert parse(text + settings).cells[0].changes == (("sac.discount", "0.9"),)


def test_a_setting_of_the_preset_is_not_a_change() -> None:
    assert parse(START + "settings = { hidden = 32 }").cells[0].id != parse(START).cells[0].id
    usual = parse(START).cells[0].facts["settings"]["hidden"]
    same = parse(START + f"settings = {{ hidden = {usual} }}").cells[0]
    assert (same.changes, same.id) == ((), parse(START).cells[0].id)


ANT = '[[cells]]\nfamilies = ["SmileAntGoal-v0"]\nagents = ["meta-bc"]\n'


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("name = ", None, "study.toml is not TOML: Invalid value (at end of document)"),
        ("name = 3\n" + ANT, 1, "name is 3; give letters"),
        ('name = "../up"\n' + ANT, 1, "name is '../up'"),
        (ANT, None, "name is None"),
        ('name = "a"\n', None, "there are no cells; give at least one [[cells]]"),
        ('name = "a"\ncells = 3\n', 2, "there are no cells"),
        ('name = "a"\n[cells]\nagents = []\n', 2, "there are no cells"),
        ('name = "a"\ndescription = 3\n' + ANT, 2, "description is 3; give text"),
        ('nam = "a"\n' + ANT, 1, "unknown key 'nam'. Did you mean 'name'?"),
        (START + "seed = 3\n", 5, "unknown key 'seed'. Did you mean 'seeds'?"),
        (START + 'families = "x"\n', None, "not TOML: Cannot overwrite a value (at line 5"),
        (START.replace("tabular-smile", "tabular-smil"), 4, "Did you mean 'tabular-smile'?"),
        (START.replace("GridGoal", "GridGaol"), 3, "Did you mean 'SmileGridGoal-v0'?"),
        (START.replace('["tabular-smile"]', "[]"), 4, "agents is empty or missing"),
        (START.replace('agents = ["tabular-smile"]\n', ""), 2, "agents is empty or missing"),
        (START.replace('["tabular-smile"]', "[3]"), 4, "agents is [3]; give a list of names"),
        (START.replace("GridGoal", "AntGoal"), 4, "tabular-smile needs a gridworld family"),
        (START + 'conditions = ["4 demos"]', 5, "4 demos"),
        (START + 'conditions = ["4 demonstrations",\n "nosy"]', 6, "Did you mean 'noisy'?"),
        (START + "conditions = []", 5, "conditions is empty"),
        (START + "conditions = [4]", 5, "4 is not a condition"),
        (START + "conditions = [{ task = 4 }]", 5, "unknown key 'task'. Did you mean 'tasks'?"),
        (START + 'conditions = [{ tasks = "4" }]', 5, "tasks is '4'; give a whole number"),
        (START + 'conditions = "5000 tasks"', 5, "meta-train tasks, not 5000"),
        (START + "settings = { iteration = 4 }", 5, "Did you mean 'iterations'?"),
        (START + "settings = { iterations = 4.5 }", 5, "iterations takes an integer; got '4.5'"),
        (START + "settings = { iterations = true }", 5, "iterations takes an integer"),
        (START + "settings = { learning_rate = inf }", 5, "learning_rate takes a finite number"),
        (START + "settings = { seed = 4 }", 5, "seed is not a setting"),
        (START + "settings = [4]", 5, "settings is [4]; give a table"),
        (START + "settings = []", 5, "settings is []; give a table"),
        (START + "[cells.settings]\n\niterations = []", 7, "iterations takes an integer; got ''"),
        (START.replace("tabular-smile", "expert") + "settings.a = 1", 5, "not trained and has no"),
        (START + "seeds = [0, 0]", 5, "given twice among the seeds: 0"),
        (START + "seeds = []", 5, "no seed was given"),
        (START + 'seeds = "3-1"', 5, "give 1-3"),
        (START + "seeds = [1.5]", 5, "1.5 is not a seed"),
        (START + "seeds = true", 5, "True is not a seed"),
        (START + "seeds = -1", 5, "-1 is not a seed"),
        (START + "together = 0", 5, "together is 0; give a whole number, 1 or more"),
        (START + "together = true", 5, "together is True"),
        (START + 'precision = "fp8"', 5, "precision is 'fp8'; give float32 or bf16"),
        (START + ANT + "seeds = 1\n" + ANT + "seeds = -1\n", 12, "-1 is not a seed"),
        ("# name = 3\nname = 3\n" + ANT, 2, "name is 3"),
        ('seeds = "x"\n' + START, 1, "cannot read seeds from 'x'"),
        ('import = "no_such_module"\n' + START, 1, "cannot import 'no_such_module'"),
        ('import = ["os",\n  ""]\n' + START, 2, "cannot import ''"),
        ("import = [4]\n" + START, 1, "import is [4]; give a list of names"),
        ("x = " + "[" * 20_000, None, "not TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int | None, problem: str) -> None:
    with pytest.raises(StudyError) as caught:
        parse(text)
    said = str(caught.value)
    assert "\n" not in said
    assert problem in said
    found = re.match(r"study\.toml, line (\d+): ", said)
    assert (None if found is None else int(found[1])) == line


def test_a_setting_given_twice_is_refused() -> None:
    text = START.replace("tabular-smile", "smile").replace("SmileGridGoal", "SmileAntGoal")
    given = 'settings = { "sac.discount" = 0.9, sac = { discount = 0.8 } }'
    with pytest.raises(StudyError, match=r"line 5: the setting sac\.discount is given twice"):
        parse(text + given)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_an_import_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, problem: str
) -> None:
    (tmp_path / "failing_module_of_a_study.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StudyError, match=re.escape(problem)) as caught:
        parse('import = "failing_module_of_a_study"\n' + START)
    assert str(caught.value).startswith("study.toml, line 1: cannot import")
    sys.modules.pop("failing_module_of_a_study", None)


def test_files_that_are_not_studies(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="missing"):
        read_study(tmp_path / "none.toml")
    path = tmp_path / "study.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(StudyError, match="not UTF-8"):
        read_study(path)
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(StudyError, match="larger"):
        read_study(path)
