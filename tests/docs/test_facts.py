"""What pages state as facts follows from the code and the entries."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import h5py
import pytest

from smile_bench.envs import all_families
from smile_bench.envs.mujoco.env import SmileEnv
from smile_bench.envs.vector import SmileVectorEnv
from smile_bench.protocol.result_file import read_result
from smile_bench.tracks import TRACKS
from tests.helpers.pages import blocks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "smile_bench"
UNDESCRIBED = {"smile-bench-imitator-1"}
"""Formats that the reference leaves out, because they are only read."""


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, without the lines of headers."""
    _, found, section = page.read_text(encoding="utf-8").partition(f"\n{heading}\n")
    assert found, f"{page.name} has no {heading}"
    section = re.split(r"^##? ", section, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][2:]


@pytest.mark.parametrize(("page", "heading"), [("concepts", "## Track"), ("protocol", "## Tracks")])
def test_tracks(page: str, heading: str) -> None:
    stated = {row[0]: row[1:] for row in rows(DOCS / f"{page}.md", heading)}
    assert stated == {
        f"`{name}`": [
            "yes" * allowed
            for allowed in (track.demonstrations, track.environments, track.labels, track.rewards)
        ]
        for name, track in TRACKS.items()
    }


def test_partitions() -> None:
    stated = {
        title: (int(cells), what)
        for titles, cells, what in rows(DOCS / "unsupervised.md", "## Coverage")
        for title in titles.split(", ")
    }
    assert stated == {
        family.title: (cells.cells, cells.name)
        for family in all_families().values()
        if (cells := family.coverage_cells) is not None
    }


def test_extras() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = set(re.findall(r"^(\w+) = \[", section, re.MULTILINE)) - {"dev", "bench"}
    assert {row[0].strip("`") for row in rows(DOCS / "start.md", "## Install")} == extras


@pytest.mark.parametrize(
    ("heading", "made"), [("## Make one", SmileEnv), ("## Many at once", SmileVectorEnv)]
)
def test_arguments_of_environments(heading: str, made: type) -> None:
    parameters = inspect.signature(made).parameters
    for names, default, *_ in rows(DOCS / "families" / "index.md", heading):
        for name, value in zip(
            re.findall(r"`(\w+)`", names), default.replace("`", "").split(", "), strict=False
        ):
            assert name in parameters or name in ("max_episode_steps", "width", "height")
            stated = parameters[name].default if name in parameters else None
            if isinstance(stated, str):
                assert value == f'"{stated}"'


def test_the_readme_is_current() -> None:
    pytest.importorskip("torch")
    from tools.docs.readme import README, current

    text = README.read_text(encoding="utf-8")
    assert current(text) == text, "run `python -m tools.docs.readme`"


def test_what_make_demo_prints() -> None:
    table = next(text for *_, text in blocks(ROOT / "README.md") if text.startswith("agent "))
    lines = [line.split() for line in table.splitlines()[1:]]
    assert len(lines) == 5
    for name, score, iqm, metric, worst, _ in lines:
        # The weights that ship are those of seed 0.
        place = Path("entries", name, "SmileAntGoal-v0", "seed-0", "primary")
        result = read_result(ROOT / "leaderboard" / place)
        stated = [float(score), float(iqm), float(metric), float(worst)]
        values = [result.score, result.iqm, result.metric, result.per_task().max()]
        assert stated == pytest.approx(values, rel=1e-3, abs=5e-4)


def test_links_of_the_readme() -> None:
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"):
        text = page.read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!http)([^)#]+)", text)
        links += re.findall(r'src="(?!http)([^"]+)"', text)
        assert [link for link in links if not (ROOT / link).exists()] == []


def test_falls_on_walker_dynamics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = DOCS / "walker_dynamics.md"
    names: dict[str, Any] = {}
    (text,) = (text for language, _, text in blocks(page) if language == "python")
    exec(text, names)  # noqa: S102 (our own page)
    table = [row for row in rows(page, "## What is hard") if len(row) == 4]
    assert len(table) == 5
    for agent, share, fallen, upright in table:
        numbers = names["falls"](agent.strip("`"))
        stated = (share.strip("* %"), fallen, upright)
        assert stated == (f"{100 * numbers[0]:.1f}", f"{numbers[1]:.0f}", f"{numbers[2]:.0f}")


FILES = DOCS / "reference" / "files.md"
ENTRY = ROOT / "leaderboard" / "entries" / "meta-bc" / "SmileGridGoal-v0" / "seed-0" / "primary"


def names(heading: str) -> list[str]:
    """What the first column of a table in the reference of files names."""
    return [name for row in rows(FILES, heading) for name in re.findall(r"`([^`]+)`", row[0])]


def test_formats() -> None:
    stated = set(re.findall(r"smile-bench-[a-z-]+-\d", FILES.read_text(encoding="utf-8")))
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert stated == set(re.findall(r'"(smile-bench-[a-z-]+-\d)"', code)) - UNDESCRIBED


def test_arrays_of_a_dataset() -> None:
    file = resources.files("smile_bench.datasets") / "data" / "SmileWalkerDynamics-v0.h5"
    with h5py.File(str(file)) as dataset:
        found = set(dataset["train"]) - {"metrics"}
    assert {name for name in names("## Dataset") if "/" not in name} == found


def test_fields_of_a_result() -> None:
    result = json.loads((ENTRY / "result.json").read_text(encoding="utf-8"))
    assert names("## result.json") == list(result)


def test_arrays_of_evidence() -> None:
    with h5py.File(ENTRY / "evidence.h5") as evidence:
        assert set(names("## evidence.h5")) == set(evidence)
        assert {"format", "family", "protocol_version"} == set(evidence.attrs)


def test_files_of_a_training(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from smile_bench.baselines import train_agent

    family = "SmileGridGoal-v0"
    train_agent("tabular-smile", family, tmp_path, configure=lambda c: replace(c, iterations=1))
    stated = {name.strip("/").replace("FAMILY", family) for name in names("## Training folder")}
    assert stated == {path.name for path in tmp_path.iterdir()}


def test_every_picture_is_small() -> None:
    for family in all_families():
        picture = DOCS / "images" / f"{family}.png"
        assert 2_000 < picture.stat().st_size < 150_000
