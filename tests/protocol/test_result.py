from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_bench.errors import AgentError, ProtocolError
from smile_bench.protocol import evaluate, read_result
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


def test_an_agent_need_not_say_anything(tmp_path: Path) -> None:
    agent = Wanderer()
    agent.recipe = agent.weights_sha256 = None
    evaluate(agent, GRID).save(tmp_path)
    found: Result = read_result(tmp_path)
    assert found.training is None
    assert found.weights is None
