from __future__ import annotations

import json
from pathlib import Path

import pytest

from smile_bench.baselines.registry import weights_path
from smile_bench.baselines.training import trainable_agents
from smile_bench.cli.main import main
from smile_bench.leaderboard.checks import season as seasons
from smile_bench.protocol import season

GRID = "SmileGridGoal-v0"

AGENT = """
import os

import numpy as np

class Still:
    def adapt(self, contexts):
        assert os.getpid() != {pid}
        return self

    def act(self, observations):
        return np.zeros(len(observations), int)

still = Still()
"""


@pytest.fixture(autouse=True)
def _few_blind_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = season.sample_season
    monkeypatch.setattr(seasons, "sample_season", lambda f, s, **_: sample(f, s, blind_episodes=10))


@pytest.mark.slow
def test_a_season_is_written_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import os

    pytest.importorskip("torch")
    (tmp_path / "still_one.py").write_text(AGENT.format(pid=os.getpid()))
    monkeypatch.chdir(tmp_path)
    command = ["leaderboard", "season", "--family", GRID, "--seed", "7", "--agents"]
    agents = ["retrieve-and-play", "smile", "meta-bc", "still_one:still"]
    for name in ("one.json", "two.json"):
        assert main([*command, *agents, "--output", name]) == 0
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()
    shown = capsys.readouterr().out
    assert f"smile has no weights for {GRID} and is left out there" in shown
    document = json.loads(Path("one.json").read_text())
    assert (document["format"], document["seed"]) == ("smile-bench-season-1", 7)
    part = document["families"][GRID]
    assert (part["tasks"], part["episodes"], part["new_tasks"]) == (24, 768, True)
    assert set(part["agents"]) == {"retrieve-and-play", "meta-bc", "still_one:still"}
    row = part["agents"]["meta-bc"]
    assert len(row["weights_sha256"]) == 64
    assert row["gap"] == pytest.approx(row["fresh"] - row["frozen"])
    assert abs(row["gap"]) < 0.1
    assert 0.0 < row["gap_error"] < 0.1
    assert len(row["fresh_per_task"]) == len(row["frozen_per_task"]) == 24
    assert f"{row['frozen']:8.3f}{row['fresh']:8.3f}" in shown


@pytest.mark.slow
def test_by_default_all_agents_with_weights_are_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "season.json"
    command = ["leaderboard", "season", "--family", GRID, "--seed", "1", "--output", str(path)]
    assert main(command) == 0
    scored = set(json.loads(path.read_text())["families"][GRID]["agents"])
    assert scored == {name for name in trainable_agents() if weights_path(name, GRID).exists()}
    assert {"meta-bc", "tabular-smile", "skew-fit"} <= scored


def test_what_cannot_be_scored_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["leaderboard", "season", "--family", GRID, "--output", str(tmp_path / "a.json")]
    for more, message in (
        (["--seed", "1", "--agents", "smile"], "none of the agents has weights"),
        (["--seed", "1", "--agents", "smil"], "Did you mean 'smile'"),
        (["--seed", "-1"], "the seed of a season is an integer of at least 0, got -1"),
        ([], "required: --seed"),
    ):
        assert main([*command, *more]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()
