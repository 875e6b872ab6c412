from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from smile_bench.cli.main import main
from smile_bench.envs import all_families

FAMILY = "SmileAntGoal-v0"

AGENT = """
import numpy as np
from smile_bench.agents import require_family

class Still:
    def adapt(self, contexts):
        require_family(contexts, "SmileAntGoal-v0")
        return self
    def act(self, observations):
        return np.zeros((len(observations), 8))

def make_agent(family):
    return Still()
"""


def test_families_lists_every_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["families"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(all_families())


def test_evaluate_scores_someone_s_agent_and_writes_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "still_agent.py").write_text(AGENT)
    monkeypatch.chdir(tmp_path)
    arguments = ["evaluate", "--family", FAMILY, "--agent", "still_agent:make_agent"]
    assert main([*arguments, "--save", "results"]) == 0
    document = json.loads(
        (tmp_path / "results" / FAMILY / "still_agent.make_agent" / "result.json").read_text()
    )
    # An ant that does not move stays where it starts, 2 m from every goal.
    assert 1.8 < document["metric"] < 2.0
    assert document["score"] < 0
    assert len(document["episodes"]["min_distance"]) == 256
    assert f"{document['score']:.3f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--agent", "expert", "--family", "SmileAnt-v0"], "Did you mean"),
        (["evaluate", "--agent", "exprt", "--family", FAMILY], "Did you mean 'expert'"),
        (["evaluate", "--agent", "no.such:agent", "--family", FAMILY], "can not import"),
        (["datasets", "build", "SmileAnt-v0"], "Did you mean"),
        (["experts", "train", "SmileAnt-v0"], "Did you mean"),
        (["train", "--agent", "meta-cb", "--family", FAMILY], "Did you mean 'meta-bc'"),
        (
            ["train", "--agent", "meta-bc", "--family", FAMILY, "--device", "cuda:99"],
            "the device 'cuda:99' is not available",
        ),
    ],
)
def test_an_error_that_the_user_can_mend_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "train" in arguments:
        pytest.importorskip("torch")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("smile-bench: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("smile_bench.baselines.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "--agent", "meta-bc", "--family", FAMILY]) == 2
    assert "smile-bench[baselines]" in capsys.readouterr().err


def test_a_dataset_is_built_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.h5"
    arguments = ["datasets", "build", FAMILY, "--demos", "1", "--subsample", "50"]
    assert main([*arguments, "--output", str(path)]) == 0
    assert path.exists()
    assert "32 tasks × 1 demonstrations" in capsys.readouterr().out
