from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.errors import AgentError, ProtocolError
from smile_bench.protocol import evaluate, read_result
from smile_bench.protocol import result as result_module
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import Result, seal
from tests.helpers.results import GRID, RECIPE, WEIGHTS, Wanderer, evaluated


def test_the_file_says_what_the_object_says(tmp_path: Path) -> None:
    made = evaluated()
    document = json.loads(made.save(tmp_path / "new" / "folder").read_text())
    assert document["metric"] == made.metric == made.episodes["episode_return"].mean()
    assert document["score"] == made.score == pytest.approx(made.scores.mean())
    assert document["episodes"]["episode_return"] == made.episodes["episode_return"].tolist()
    assert document["scores_per_task"] == made.scores.tolist()
    meta_test = load_meta_test(GRID)
    assert document["meta_test_sha256"] == meta_test.digest
    assert document["protocol_version"] == meta_test.version == "v0-" + meta_test.digest[:16]
    assert document["training"] == RECIPE
    assert document["weights_sha256"] == WEIGHTS
    assert document["hardware"]["cpus"] == os.cpu_count()


def test_the_seal_is_of_everything_else_and_the_evidence_is_hashed(tmp_path: Path) -> None:
    path = evaluated().save(tmp_path)
    document = json.loads(path.read_text())
    evidence = (tmp_path / document["evidence"]["file"]).read_bytes()
    assert document["evidence"]["sha256"] == hashlib.sha256(evidence).hexdigest()
    stated = document.pop("seal")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert stated == hashlib.sha256(canonical.encode()).hexdigest() == seal(document)


def test_reading_gives_back_what_was_written(tmp_path: Path) -> None:
    made = evaluated()
    path = made.save(tmp_path / "one")
    for given in (path, path.parent, str(path)):
        assert read_result(given).to_dict() == made.to_dict()
    read_result(path, evidence=True).save(tmp_path / "other")
    for name in ("result.json", "evidence.h5"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_result_without_its_evidence_is_not_written(tmp_path: Path) -> None:
    path = evaluated().save(tmp_path)
    with pytest.raises(ProtocolError, match="without its evidence"):
        read_result(path).save(tmp_path / "other")


def test_a_task_without_a_score_is_null_and_left_out_of_the_mean(tmp_path: Path) -> None:
    scores = evaluated().scores.copy()
    scores[3] = np.nan
    made = replace(evaluated(), scores=scores)
    assert made.score == pytest.approx(np.delete(scores, 3).mean())
    assert json.loads(made.save(tmp_path).read_text())["scores_per_task"][3] is None
    assert np.isnan(read_result(tmp_path).scores[3])


def test_numbers_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    made = evaluated()
    path = made.save(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    broken = {"episode_return": np.full(192, np.inf)}
    with pytest.raises(ValueError, match="JSON"):
        replace(made, episodes=broken).save(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert path.exists()


def test_a_write_that_is_cut_off_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated().save(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write = Path.write_text

    def cut_off(self: Path, text: str, **options: Any) -> int:
        write(self, text[: len(text) // 2], **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", cut_off)
    with pytest.raises(KeyboardInterrupt):
        replace(evaluated(), agent="another").save(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("recipe", ["seed"], "must be a mapping"),
        ("recipe", {"rng": np.random.default_rng()}, "must be JSON-able"),
        ("recipe", {"loss": float("nan")}, "must be JSON-able"),
        ("weights_sha256", "abc", "64 hexadecimal"),
        ("weights_sha256", 7, "64 hexadecimal"),
    ],
)
def test_what_an_agent_says_of_itself_is_checked(attribute: str, value: Any, message: str) -> None:
    agent = Wanderer()
    setattr(agent, attribute, value)
    with pytest.raises(AgentError, match=message):
        evaluate(agent, GRID)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({"name": 7}, "name is 7; expected at most 200 printable"),
        ({"name": ""}, "name is ''"),
        ({"name": "a\x1b[2J"}, "name is"),
        ({"name": "a" * 201}, "at most 200"),
        ({"recipe": {"seed": -1}}, "recipe.seed is -1; expected an integer from 0"),
        ({"recipe": {"seed": 1.5}}, "recipe.seed is 1.5"),
        ({"recipe": {"seed": 2**60}}, "recipe.seed"),
        ({"recipe": {"command": "train\nmore"}}, "recipe.command"),
        ({"recipe": {"command": ["train"]}}, "recipe.command"),
        ({"recipe": {"seconds": "3 h"}}, "recipe.seconds is '3 h'"),
        ({"recipe": {"track": "private"}}, "recipe.track is 'private'"),
        ({"recipe": {"access": {"env_steps": 1.5}}}, "recipe.access.env_steps"),
        ({"recipe": {"notes": "a\ud800"}}, "recipe.notes"),
        ({"recipe": {"losses": list(range(2000))}}, "more than 1000"),
        ({"recipe": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": [[]]}}}}}}}}}, "deeper"),
    ],
)
def test_a_result_that_could_not_be_read_is_refused_before_the_agent_works(
    statement: dict[str, Any], message: str
) -> None:
    class Idle(Wanderer):
        def adapt(self, contexts: Any) -> Any:
            raise AssertionError("the evaluation began")

    agent = Idle()
    for name, value in statement.items():
        setattr(agent, name, value)
    with pytest.raises(AgentError, match=re.escape(message)) as raised:
        evaluate(agent, GRID)
    assert len(str(raised.value).splitlines()) == 1
    if "name" in statement:
        with pytest.raises(AgentError, match=re.escape(message)):
            evaluate(Idle(), GRID, name=statement["name"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agent": "a\nb"}, "agent is"),
        ({"training": {"seed": -1}}, "training.seed"),
        ({"weights": "abc"}, "weights_sha256"),
        ({"seconds": {"adapt": -1.0, "act": 0.0, "simulate": 0.0}}, "seconds.adapt"),
        ({"scores": np.full(24, np.nan)}, "no score on any task"),
    ],
)
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    if "scores" in changes:
        with pytest.raises(ValueError, match="JSON"):
            replace(evaluated(), **changes).save(tmp_path)
    else:
        with pytest.raises(ProtocolError, match=message):
            replace(evaluated(), **changes).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_evidence_too_large_to_be_read_back_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_module, "MAXIMUM_FILE", 1000)
    with pytest.raises(ProtocolError, match="files of more than 1000"):
        evaluated().save(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stated", ["4", "x", "4.0.1-forged", "4.0 ", "4.0.0+local", "04"])
def test_a_version_of_mujoco_has_the_form_of_a_release(tmp_path: Path, stated: str) -> None:
    made = replace(evaluated(), versions={**evaluated().versions, "mujoco": stated})
    with pytest.raises(ProtocolError, match=re.escape("versions.mujoco")):
        made.save(tmp_path)


def test_the_summary_is_short_and_names_both_numbers(tmp_path: Path) -> None:
    made = evaluated()
    lines = repr(made).splitlines()
    assert lines == str(made).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) < 120
    assert f"score {made.score:.3f} (mean over 24 tasks), IQM {made.iqm:.3f}" in lines[1]
    assert "wanderer" in lines[0]
    assert "training seed 3" in lines[0]
    assert made.iqm == pytest.approx(np.sort(made.scores)[6:18].mean())
    made.save(tmp_path)
    assert repr(read_result(tmp_path)) == repr(made)
    assert "array" not in repr(made.evidence)


def test_an_agent_need_not_say_anything(tmp_path: Path) -> None:
    agent = Wanderer()
    agent.recipe = agent.weights_sha256 = None
    evaluate(agent, GRID).save(tmp_path)
    found: Result = read_result(tmp_path)
    assert found.training is None
    assert found.weights is None
