"""Reading result files from strangers: whole, well formed, sealed and consistent."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.envs import Family, all_families
from smile_bench.errors import ProtocolError, suggestion
from smile_bench.io.files import read_bounded
from smile_bench.io.schema import (
    Amount,
    Anything,
    Each,
    Flag,
    Integer,
    Items,
    Number,
    Optional,
    Record,
    Text,
    parse_strictly,
)
from smile_bench.protocol.evidence import read_evidence
from smile_bench.protocol.result import (
    EVIDENCE_FILE,
    FORMAT,
    RESULT_FILE,
    Result,
    render,
    seal,
    sealed,
)
from smile_bench.tracks import TRACKS

__all__ = ["read_result"]

MAXIMUM_FILE = 16 << 20
"""Size limit in bytes; a larger file is refused unread."""
SHA256 = Text(r"[0-9a-f]{64}")
VERSION = Text(r"\d+(\.\d+)*\S*", longest=60)
TRAINING = Anything(
    known={
        "seed": Integer(),
        "command": Text(longest=2000),
        "seconds": Amount(),
        "track": Text("|".join(map(re.escape, TRACKS))),
        "access": Each(Integer()),
    }
)


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
    family = _require_schema(document, path)
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


def _require_schema(document: object, path: Path) -> Family:
    """Check every field, and return the result's family."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ProtocolError(
            f"{path} has format {str(found)[:60]!r}, expected {FORMAT!r}: it is not a result of "
            "this version of smile-bench."
        )
    families, name = all_families(), document.get("family")
    if not isinstance(name, str) or name not in families:
        raise ProtocolError(
            f"{path} names an unknown family {str(name)[:60]!r}. {suggestion(name, families)}"
        )
    family = families[name]
    _schema(family).check(document, str(path))
    episodes = document["episodes"]
    lengths = {name: len(column) for name, column in episodes.items()}
    if len(set(lengths.values())) != 1:
        raise ProtocolError(f"{path}: the columns of episodes have different lengths {lengths}.")
    tasks = len(family.table("test"))
    if len(document["scores_per_task"]) != tasks or set(episodes["task"]) != set(range(tasks)):
        raise ProtocolError(
            f"{path} must have a score for each of the {tasks} meta-test tasks of {family.id}, and "
            "episodes of all of them."
        )
    if all(score is None for score in document["scores_per_task"]):
        raise ProtocolError(f"{path} has no score on any task; at least one is needed.")
    return family


def _schema(family: Family) -> Record:
    """The schema of a family's results."""
    metrics = [metric.name for metric in family.metrics]
    tasks, sizes = len(family.table("test")), family.context_sizes
    shown = "|".join(("primary", *(f"{size} shots" for size in sizes)))
    versions = dict.fromkeys(("smile-bench", "mujoco", "gymnasium", "numpy", "python"), VERSION)
    return Record(
        {
            "format": Text(re.escape(FORMAT)),
            "agent": Text(),
            "family": Text(re.escape(family.id)),
            "protocol_version": Text(r"v\d+-[0-9a-f]{16}"),
            "meta_test_sha256": SHA256,
            "dataset_sha256": SHA256,
            "privileged": Flag(),
            "state_only": Flag(),
            "evaluation": Text(shown),
            "metric": Number(),
            "score": Number(),
            "metrics": Record(dict.fromkeys(metrics, Number())),
            "scores_per_task": Items(Optional(Number())),
            "episodes": Record(
                {
                    "task": Items(Integer(0, tasks - 1)),
                    "shots": Items(Integer(min(sizes), max(sizes))),
                    **dict.fromkeys(metrics, Items(Number())),
                }
            ),
            "training": Optional(TRAINING),
            "weights_sha256": Optional(SHA256),
            "versions": Record(versions, optional={"torch": VERSION}),
            "hardware": Record(
                {"machine": Text(), "processor": Text(), "cpus": Integer(1), "system": Text()}
            ),
            "seconds": Record(dict.fromkeys(("adapt", "act", "simulate"), Number(0.0))),
            "evidence": Record({"file": Text(re.escape(EVIDENCE_FILE)), "sha256": SHA256}),
            "seal": SHA256,
        }
    )


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
