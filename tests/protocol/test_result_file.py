from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smile_bench.errors import ProtocolError
from smile_bench.protocol import evidence, read_result, result_file
from smile_bench.protocol.result import render, seal
from tests.helpers.results import GRID, evaluated

Change = Callable[[dict[str, Any]], object]


def rewrite(path: Path, change: Change) -> None:
    """Alter a result and seal it again, as someone with bad intentions would."""
    document = json.loads(path.read_text())
    change(document)
    document["seal"] = seal(document)
    path.write_text(render(document))


def setting(*keys: Any, value: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        where: Any = document
        for key in keys[:-1]:
            where = where[key]
        where[keys[-1]] = value

    return change


def nested(depth: int) -> list[Any]:
    return [] if depth == 0 else [nested(depth - 1)]


SCHEMA_BREAKS = {
    "format": (setting("format", value="smile-bench-result-1"), "has format"),
    "family": (setting("family", value="SmileGrid-v0"), "Did you mean"),
    "family type": (setting("family", value=[GRID]), "unknown family"),
    "unknown field": (setting("bonus", value=1.0), "unknown field 'bonus'"),
    "unknown nested field": (setting("seconds", "sleep", value=1.0), "unknown field 'sleep'"),
    "missing": (lambda d: d.pop("hardware"), "lacks hardware"),
    "missing metric": (lambda d: d["metrics"].clear(), "lacks episode_return"),
    "text": (setting("agent", value=7), r"agent is 7"),
    "control characters": (setting("agent", value="a\x1b[2J"), "agent is"),
    "long text": (setting("agent", value="a" * 201), "at most 200"),
    "empty text": (setting("agent", value=""), "agent is ''"),
    "flag": (setting("privileged", value=1), "true or false"),
    "hash": (setting("dataset_sha256", value="A" * 64), "dataset_sha256"),
    "evaluation": (setting("evaluation", value="3 shots"), "primary"),
    "number": (setting("score", value="0.5"), "score is '0.5'"),
    "whole number": (setting("score", value=1), "such as 1.0"),
    "boolean number": (setting("score", value=True), "such as 1.0"),
    "negative seconds": (setting("seconds", "act", value=-1.0), "from 0.0"),
    "task": (setting("episodes", "task", 0, value=24), "0 to 23"),
    "negative task": (setting("episodes", "task", 0, value=-1), "0 to 23"),
    "fractional task": (setting("episodes", "task", 0, value=0.0), "an integer"),
    "boolean task": (setting("episodes", "task", 0, value=False), "an integer"),
    "shots": (setting("episodes", "shots", 5, value=9), "1 to 8"),
    "list": (setting("scores_per_task", value={}), "a list"),
    "empty": (setting("episodes", "task", value=[]), "a list of 1 to"),
    "lengths": (lambda d: d["episodes"]["shots"].pop(), "different lengths"),
    "score per task": (lambda d: d["scores_per_task"].pop(), "each of the 24"),
    "no task": (
        lambda d: d["episodes"].update(task=[0] * 192),
        "episodes of all of them",
    ),
    "no score": (setting("scores_per_task", value=[None] * 24), "no score on any task"),
    "file": (setting("evidence", "file", value="/etc/passwd"), "evidence.file"),
    "cpus": (setting("hardware", "cpus", value=0), "from 1"),
    "version": (setting("versions", "mujoco", value="x"), "versions.mujoco"),
    "training": (setting("training", value=[]), "a mapping"),
    "seed": (setting("training", "seed", value=-1), "training.seed"),
    "large seed": (setting("training", "seed", value=2**60), "training.seed"),
    "track": (setting("training", "track", value="privileged"), "training.track"),
    "access": (setting("training", "access", "env_steps", value=-5), "env_steps"),
    "training cost": (setting("training", "seconds", value=-5), "not negative"),
    "processor's time": (setting("training", "cpu_seconds", value="3 h"), "not negative"),
    "deep": (setting("training", "versions", value=nested(12)), "nested deeper"),
    "many": (setting("training", "log", value=[0] * 2000), "more than 1000"),
}


@pytest.mark.parametrize("case", SCHEMA_BREAKS)
def test_what_breaks_the_schema_is_one_clear_error(saved: Path, case: str) -> None:
    change, message = SCHEMA_BREAKS[case]
    rewrite(saved, change)
    with pytest.raises(ProtocolError, match=message):
        read_result(saved)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"score": ', '"score": NaN, "x": ', "NaN"),
        ('"score": ', '"score": -Infinity, "x": ', "-Infinity"),
        ('"score": ', '"score": 1e999, "x": ', "finite|unknown field"),
        ('"score": ', '"score": 0.25, "score": ', "field 'score' twice"),
        ('"seconds": {', '"seconds": {"act": 0.0, ', "'act' twice"),
        ("{", "[" * 100_000, "not JSON"),
        ('"cpus": ', '"cpus": ' + "9" * 5000 + ', "x": ', "not JSON"),
        ('"agent": "', '"agent": "\\ud800', "seal that does not match|printable"),
    ],
)
def test_what_is_not_strict_json_is_refused(saved: Path, old: str, new: str, message: str) -> None:
    saved.write_text(saved.read_text().replace(old, new, 1))
    with pytest.raises(ProtocolError, match=message):
        read_result(saved)


def test_numbers_too_large_for_a_float_are_refused(saved: Path) -> None:
    text = saved.read_text()
    value = json.loads(text)["seconds"]["act"]
    saved.write_text(text.replace(repr(value), "1e999"))
    with pytest.raises(ProtocolError, match="finite number"):
        read_result(saved)


@pytest.mark.parametrize(
    "change",
    [
        setting("score", value=0.99),
        setting("metric", value=19.0),
        setting("metrics", "episode_return", value=19.0),
        setting("scores_per_task", 4, value=0.99),
        setting("episodes", "episode_return", 4, value=19.0),
    ],
)
def test_means_that_do_not_follow_are_refused_though_sealed(saved: Path, change: Change) -> None:
    rewrite(saved, change)
    with pytest.raises(ProtocolError, match="episodes and tasks give"):
        read_result(saved)


def test_another_way_of_writing_is_refused(saved: Path) -> None:
    document = json.loads(saved.read_text())
    for text in (
        json.dumps(document),
        render(dict(reversed(document.items()))),
        saved.read_text() + " ",
        saved.read_text().replace('"seed": 3', '"seed":  3'),
    ):
        saved.write_text(text)
        with pytest.raises(ProtocolError, match="not written as smile-bench writes it"):
            read_result(saved)


def test_files_that_are_missing_huge_or_not_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProtocolError, match="missing"):
        read_result(tmp_path)
    (tmp_path / "result.json").symlink_to("/dev/zero")
    with pytest.raises(ProtocolError, match="not an ordinary file"):
        read_result(tmp_path)
    (tmp_path / "result.json").unlink()
    evaluated().save(tmp_path)
    monkeypatch.setattr(result_file, "MAXIMUM_FILE", 1000)
    with pytest.raises(ProtocolError, match="larger than"):
        read_result(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(evidence, "MAXIMUM_FILE", 1000)
    read_result(tmp_path)
    with pytest.raises(ProtocolError, match="larger than"):
        read_result(tmp_path, evidence=True)
    (tmp_path / "result.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ProtocolError, match="cannot read"):
        read_result(tmp_path)


@pytest.mark.slow
@settings(max_examples=200)
@given(data=st.data())
def test_every_changed_byte_is_noticed(saved: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["result.json", "evidence.h5"]))
    path = saved.with_name(name)
    good = path.read_bytes()
    changed = bytearray(good)
    where = data.draw(st.integers(0, len(good) - 1))
    changed[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        with pytest.raises(ProtocolError):
            read_result(saved, evidence=True)
    finally:
        path.write_bytes(good)
