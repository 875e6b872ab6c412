"""Results of evaluations, and how they are written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.compat import deprecated
from smile_bench.envs import get_family
from smile_bench.errors import ProtocolError
from smile_bench.io.files import replacing
from smile_bench.protocol.evidence import MAXIMUM_FILE, Evidence
from smile_bench.protocol.result_schema import EVIDENCE_FILE, FORMAT, RESULT_FILE, require_schema
from smile_bench.protocol.scores import task_means
from smile_bench.protocol.statistics import interquartile_mean

__all__ = [
    "EVIDENCE_FILE",
    "FORMAT",
    "RESULT_FILE",
    "FineTuningFacts",
    "Result",
    "render",
    "seal",
    "sealed",
]


@dataclass(frozen=True, kw_only=True)
class FineTuningFacts:
    """How an agent had learned in the meta-test tasks before it was scored."""

    contexts: str
    """Who gave the demonstrations: ``"expert"`` or ``"half"``."""
    seed: int
    """Training seed of the learning."""
    schedule: tuple[int, ...]
    """Numbers of rewarded episodes at which the policy was scored so far, the last one here."""
    used_episodes: int
    """Rewarded episodes that began in each task."""
    used_steps: int
    """Control steps in them."""

    @property
    def rewarded(self) -> int:
        """n: rewarded episodes that it was allowed in each task."""
        return self.schedule[-1]

    @property
    def evaluation(self) -> str:
        """What the result calls this evaluation."""
        return f"fine-tune, {self.contexts}, {self.rewarded} episodes"

    @property
    def folder(self) -> str:
        """Name of the folder of this evaluation."""
        return f"{self.contexts}-{self.rewarded}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """One agent's evaluation on one family: E episodes of the frozen meta-test set."""

    agent: str
    family: str
    protocol_version: str
    meta_test: str
    """SHA-256 of everything that the protocol fixes: :attr:`MetaTest.digest`."""
    dataset: str
    """Digest of the dataset from which the contexts come."""
    privileged: bool
    """Whether the agent saw the task. Such a result is a reference, not an entry."""
    state_only: bool
    """Whether the agent's contexts held no actions."""
    evaluation: str
    """``"primary"``, with the protocol's mixture of context sizes, ``"k shots"``, or
    :attr:`FineTuningFacts.evaluation`."""
    tasks: IntArray
    """Meta-test task of each episode, (E,)."""
    shots: IntArray
    """Demonstrations in each episode's context, (E,)."""
    episodes: Mapping[str, FloatArray]
    """Each of the family's metrics, (E,)."""
    scores: FloatArray
    """Normalised score of each task, (number of tasks,); NaN where the references do not differ."""
    versions: Mapping[str, str]
    """Versions of the packages that an evaluation depends on."""
    hardware: Mapping[str, Any]
    """Machine type, processor, number of processors and system."""
    seconds: Mapping[str, float]
    """Wall-clock seconds of adapting, acting and simulating."""
    training: Mapping[str, Any] | None = None
    """The agent's attribute ``recipe``: seed, access, command, cost."""
    weights: str | None = None
    """SHA-256 of the agent's weights file."""
    fine_tuning: FineTuningFacts | None = None
    """How it had learned in the tasks; None for an agent that imitates alone."""
    evidence: Evidence | None = None
    """None if only ``result.json`` was read."""

    @property
    def same_shots(self) -> int | None:
        """k, if every context holds k demonstrations because ``"k shots"`` were asked for."""
        found = re.fullmatch(r"(\d+) shots", self.evaluation)
        return None if found is None else int(found[1])

    @property
    def metric(self) -> float:
        """The family's primary metric, averaged over episodes."""
        return float(self.episodes[get_family(self.family).metric.name].mean())

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric, averaged over episodes."""
        return {name: float(values.mean()) for name, values in self.episodes.items()}

    @property
    def score(self) -> float:
        """Normalised score, averaged over tasks: 1 is the expert, 0 the task-blind expert."""
        return float(np.nanmean(self.scores))

    @property
    def iqm(self) -> float:
        """Interquartile mean (IQM) of the scores of the tasks; leaderboards rank by it."""
        return interquartile_mean({self.family: self.scores[None]})

    def __repr__(self) -> str:
        """A short summary; the arrays are in the attributes."""
        family = get_family(self.family)
        means = ", ".join(
            f"{metric.name} {self.metrics[metric.name]:.4g} {metric.unit}".rstrip()
            for metric in family.metrics
        )
        seed = "" if self.training is None else f", training seed {self.training.get('seed', '–')}"
        return (
            f"Result of {self.agent} on {self.family} ({self.evaluation}, protocol "
            f"{self.protocol_version}{seed})\n"
            f"  score {self.score:.3f} (mean over {len(np.unique(self.tasks))} tasks), IQM "
            f"{self.iqm:.3f}\n"
            f"  {means} (mean over {len(self.tasks)} episodes)"
        )

    def per_task(self, metric: str | None = None) -> FloatArray:
        """A metric's mean on each task, (number of tasks,); the primary one by default."""
        values = self.episodes[metric or get_family(self.family).metric.name]
        return task_means(self.tasks, values, len(self.scores))

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-able data, without the evidence and the seal."""
        scores: list[float | None] = [None if np.isnan(s) else float(s) for s in self.scores]
        learned = {}
        if self.fine_tuning is not None:
            facts = asdict(self.fine_tuning)
            learned["fine_tuning"] = {**facts, "schedule": list(self.fine_tuning.schedule)}
        return {
            "format": FORMAT,
            "agent": self.agent,
            "family": self.family,
            "protocol_version": self.protocol_version,
            "meta_test_sha256": self.meta_test,
            "dataset_sha256": self.dataset,
            "privileged": self.privileged,
            "state_only": self.state_only,
            "evaluation": self.evaluation,
            "metric": self.metric,
            "score": self.score,
            "metrics": self.metrics,
            "scores_per_task": scores,
            "episodes": {
                "task": self.tasks.tolist(),
                "shots": self.shots.tolist(),
                **{name: values.tolist() for name, values in self.episodes.items()},
            },
            "training": None if self.training is None else dict(self.training),
            "weights_sha256": self.weights,
            **learned,
            "versions": dict(self.versions),
            "hardware": dict(self.hardware),
            "seconds": dict(self.seconds),
        }

    def save(self, directory: str | Path) -> Path:
        """Write ``evidence.h5`` and ``result.json`` into a folder.

        Both are written beside their targets and moved into place once both are whole, the evidence
        first.

        Returns:
            The path of ``result.json``.

        Raises:
            ProtocolError: the result was read without its evidence, or could not be read back.
            ValueError: a number is not finite.
        """
        if self.evidence is None:
            raise ProtocolError(
                "this result was read without its evidence and cannot be written without it: use "
                "read_result(path, evidence=True), or copy the folder."
            )
        content = self.evidence.to_bytes()
        document = sealed(self.to_dict(), hashlib.sha256(content).hexdigest())
        text, path = render(document), Path(directory) / RESULT_FILE
        require_schema(document, f"the result that {path} should hold")
        if len(content) > MAXIMUM_FILE:
            raise ProtocolError(
                f"the evidence has {len(content)} bytes, and files of more than {MAXIMUM_FILE} are "
                "not read back: use fewer evaluation episodes or a shorter horizon."
            )
        with replacing(path) as result, replacing(path.with_name(EVIDENCE_FILE)) as evidence:
            evidence.write_bytes(content)
            result.write_text(text, encoding="utf-8")
        return path


def sealed(document: Mapping[str, Any], evidence: str) -> dict[str, Any]:
    """A result's data with the SHA-256 ``evidence`` of its evidence file and its seal."""
    whole = {**document, "evidence": {"file": EVIDENCE_FILE, "sha256": evidence}}
    return {**whole, "seal": seal(whole)}


def seal(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of everything but the seal.

    Canonical JSON has sorted names, no spaces, ASCII with escapes, and numbers as Python's ``repr``
    writes them (the shortest decimals that read back the same).
    """
    rest = {name: value for name, value in document.items() if name != "seal"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def render(document: Mapping[str, Any]) -> str:
    """The text of a result file. Each result has exactly one."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
