"""Reading result files from strangers: whole, well formed, sealed and consistent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.envs import Family
from smile_bench.errors import ProtocolError
from smile_bench.io.files import read_bounded
from smile_bench.io.schema import parse_strictly
from smile_bench.protocol.evidence import read_evidence
from smile_bench.protocol.result import FineTuningFacts, Result, render, seal, sealed
from smile_bench.protocol.result_schema import EVIDENCE_FILE, RESULT_FILE, require_schema

__all__ = ["read_result"]

MAXIMUM_FILE = 16 << 20
"""Size limit in bytes; a larger file is refused unread."""


def read_result(path: str | Path, *, evidence: bool = False) -> Result:
    """Read a result that may come from anyone.

    The file must follow the schema, carry its seal, and be exactly what smile-bench writes for its
    episodes, scores of tasks and facts. Whether these are true, :func:`verify_result` finds out.

    Args:
        path: a ``result.json``, or the folder that holds it.
        evidence: also read the evidence beside it.

    Raises:
        ProtocolError: the file is missing, damaged, altered, or of another format.
    """
    path = Path(path)
    if path.is_dir():
        path = path / RESULT_FILE
    text = _text(path)
    document = parse_strictly(text, str(path))
    family = require_schema(document, str(path))
    if document["seal"] != seal(document):
        raise ProtocolError(
            f"{path} carries a seal that does not match its content: it was altered or damaged."
        )
    digest = document["evidence"]["sha256"]
    result = _result(document, family)
    _require_faithful(path, text, document, sealed(result.to_dict(), digest))
    if not evidence:
        return result
    episodes = len(result.tasks)
    found = read_evidence(path.with_name(EVIDENCE_FILE), family, episodes, digest)
    return replace(result, evidence=found)


def _text(path: Path) -> str:
    try:
        return read_bounded(path, MAXIMUM_FILE, ProtocolError).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolError(f"cannot read {path}: {error}.") from error


def _result(document: dict[str, Any], family: Family) -> Result:
    episodes = document["episodes"]
    scores = [np.nan if score is None else score for score in document["scores_per_task"]]
    return Result(
        agent=document["agent"],
        family=document["family"],
        protocol_version=document["protocol_version"],
        meta_test=document["meta_test_sha256"],
        dataset=document["dataset_sha256"],
        privileged=document["privileged"],
        state_only=document["state_only"],
        evaluation=document["evaluation"],
        tasks=np.array(episodes["task"], np.int64),
        shots=np.array(episodes["shots"], np.int64),
        episodes={m.name: np.array(episodes[m.name], np.float64) for m in family.metrics},
        scores=np.array(scores, np.float64),
        versions=document["versions"],
        hardware=document["hardware"],
        seconds=document["seconds"],
        training=document["training"],
        weights=document["weights_sha256"],
        fine_tuning=_learned(document.get("fine_tuning")),
    )


def _learned(facts: dict[str, Any] | None) -> FineTuningFacts | None:
    return (
        None
        if facts is None
        else FineTuningFacts(**{**facts, "schedule": tuple(facts["schedule"])})
    )


def _require_faithful(
    path: Path, text: str, document: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Refuse means that do not follow from the episodes, and text written in any other way."""
    for name in ("metric", "score", "metrics"):
        if document[name] != expected[name]:
            raise ProtocolError(
                f"{path} says {name} {document[name]}, but its episodes and tasks give "
                f"{expected[name]}: it was altered."
            )
    if text != render(expected):
        raise ProtocolError(
            f"{path} is not written as smile-bench writes it (order, spaces or numbers): it was "
            "altered. Write results with Result.save."
        )
