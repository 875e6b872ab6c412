"""Verifying a result: replay its evidence and compute every number that follows from it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from smile_bench import provenance
from smile_bench.agents import Agent, FineTuningAgent, PrivilegedAgent
from smile_bench.arrays import FloatArray
from smile_bench.checks import Check
from smile_bench.compat import deprecated
from smile_bench.envs import Family, get_family
from smile_bench.errors import InputError, ProtocolError, SimulationError
from smile_bench.protocol.evaluation import context_sizes, load_frozen
from smile_bench.protocol.evidence import (
    Evidence,
    context_demonstrations,
    keyframes,
    row_digests,
)
from smile_bench.protocol.fine_tuning import load_fine_tuning
from smile_bench.protocol.meta_test import MetaTest
from smile_bench.protocol.replay import replay
from smile_bench.protocol.result import Result
from smile_bench.protocol.result_file import read_result
from smile_bench.protocol.scores import normalised_scores
from smile_bench.protocol.verification.guided import compare_guided
from smile_bench.protocol.verification.rerun import learn_again, rerun_agent

__all__ = [
    "AgentLoader",
    "AnyLoader",
    "Verification",
    "made_here",
    "rerun_verified",
    "verify_result",
]

AgentLoader = Callable[[str, str], Agent | PrivilegedAgent]
"""Loads an agent, given its name and a family's id, as :func:`smile_bench.load_agent` does."""

AnyLoader = Callable[[str, str], Agent | PrivilegedAgent | FineTuningAgent]
"""The same, for results of fine-tuning, too."""

ROUNDING = 1e-9
"""Allowed relative difference of numbers that another version of NumPy may sum in another order. A
result that needs it is not exact."""


def mujoco_version() -> str:
    """The version of MuJoCo that replays here."""
    return provenance.package_versions()["mujoco"]


@dataclass(frozen=True)
class Verification:
    """The outcome of verifying a result."""

    directory: Path
    exact: bool
    """Whether the replay gave every recorded state, metric and score to the last bit. Only that
    verifies a result. If not, and the result states another MuJoCo version, machine type or NumPy,
    the checks are weaker, and passing them makes it consistent only."""
    findings: tuple[Check, ...]
    """The checks, in the order in which they were made."""
    mujoco: str = field(default_factory=mujoco_version)
    """The version of MuJoCo that replayed the result, whatever the result states."""

    @property
    def passed(self) -> bool:
        """Whether every check passed. A result that passes without being exact is not verified."""
        return all(check.passed for check in self.findings)

    @property
    def ranked(self) -> bool:
        """Whether the result counts as verified, so that a leaderboard may rank it."""
        return self.passed and self.exact

    @property
    def status(self) -> str:
        """``"verified"``, ``"consistent, not exact"`` or ``"not verified"``."""
        if not self.passed:
            return "not verified"
        return "verified" if self.exact else "consistent, not exact"


def verify_result(directory: str | Path, *, rerun: AnyLoader | None = None) -> Verification:
    """Replay a result's evidence and compute every number that follows from it again.

    What the result states about itself never makes the check weaker: every result is replayed to
    the last bit first. Only if that fails, and the result states another MuJoCo version or machine
    type, is it compared with a guided replay, which cannot verify it.

    Args:
        directory: a folder that :meth:`Result.save` wrote; it may come from anyone.
        rerun: loads the result's agent by its name, such as ``smile_bench.load_agent``. The agent
            then also acts again. Without it, no agent is loaded.

    Returns:
        What was checked. A fault of the result is a check that failed, not an exception.
    """
    directory = Path(directory)
    try:
        result = read_result(directory, evidence=True)
    except ProtocolError as error:
        return Verification(directory, False, (Check("files", False, str(error)),))
    evidence, family = result.evidence, get_family(result.family)
    assert evidence is not None
    findings = [Check("files", True, "well formed, sealed, and of one evaluation")]
    try:
        meta_test = _frozen_set(family, result)
    except ProtocolError as error:
        return Verification(directory, False, (*findings, Check("protocol", False, str(error))))
    findings += _facts(family, result, evidence, meta_test)
    exact = False
    if all(check.passed for check in findings):
        try:
            exact, more = _replayed(family, result, evidence, meta_test)
            findings += more
            if rerun is not None:
                findings += _rerun(family, result, rerun, exact)
        except (InputError, SimulationError) as error:
            findings.append(Check("replay", False, str(error)))
    return Verification(directory, exact, tuple(findings))


def rerun_verified(found: Verification, load: AnyLoader) -> Verification:
    """Let the agent of a result act again, after its evidence was replayed.

    The two parts of :func:`verify_result` are apart here, so that the evidence can be replayed in a
    process of its own (:mod:`smile_bench.protocol.verification.isolated`) while the agent acts in
    this one.

    Args:
        found: the outcome of the replay.
        load: loads an agent, given its name and a family's id.

    Returns:
        The outcome with the checks of the agent; ``found`` itself if it did not pass.
    """
    if not found.passed:
        return found
    try:
        result = read_result(found.directory, evidence=True)
        more = list(_rerun(get_family(result.family), result, load, found.exact))
    except (InputError, ProtocolError, SimulationError) as error:
        more = [Check("replay", False, str(error))]
    return replace(found, findings=(*found.findings, *more))


def made_here(result: Result) -> bool:
    """Whether this machine type and MuJoCo version are those of the result."""
    return provenance.made_here(result.versions["mujoco"], result.hardware["machine"])


def _frozen_set(family: Family, result: Result) -> MetaTest:
    """The frozen set that a result's episodes must be of.

    Raises:
        ProtocolError: its files are missing or damaged, or do not belong together.
    """
    if result.fine_tuning is not None:
        return load_fine_tuning(family, result.fine_tuning.contexts)
    return load_frozen(family)[0]


def _rerun(family: Family, result: Result, load: AnyLoader, exact: bool) -> Iterator[Check]:
    """Let the agent act again; one that fine-tunes learns again first."""
    if result.fine_tuning is not None:
        return learn_again(family, result, load)
    meta_test, dataset = load_frozen(family)
    return rerun_agent(family, result, meta_test, dataset, load, exact)


def _facts(
    family: Family, result: Result, evidence: Evidence, meta_test: MetaTest
) -> Iterator[Check]:
    """Check protocol, contexts and actions, which needs no simulator."""
    known = (meta_test.version, meta_test.digest, meta_test.dataset, meta_test.version)
    stated = (
        result.protocol_version,
        result.meta_test,
        result.dataset,
        evidence.protocol_version,
    )
    detail = (
        f"{meta_test.version} here, the result says {', '.join(sorted({stated[0], stated[3]}))}"
    )
    yield Check("protocol", stated == known, detail)
    sizes = context_sizes(family, meta_test, result.same_shots)
    expected: dict[str, tuple[NDArray[np.generic], NDArray[np.generic]]] = {
        "episodes.task": (result.tasks, meta_test.tasks),
        "episodes.shots": (result.shots, sizes),
        "tasks": (evidence.tasks, meta_test.tasks),
        "shots": (evidence.shots, sizes),
        "demonstrations": (evidence.demonstrations, context_demonstrations(meta_test, sizes)),
        "initial_digests": (evidence.initial_digests, row_digests(meta_test.initial_states)),
        "steps": (evidence.steps, keyframes(family)),
    }
    wrong = [name for name, pair in expected.items() if not np.array_equal(*pair)]
    detail = f"{', '.join(wrong)} differ from the frozen ones" if wrong else "are the frozen ones"
    yield Check("contexts and initial states", not wrong, detail)
    if isinstance(family.action_space, spaces.Discrete):
        chosen = evidence.actions.argmax(axis=2)
        right = np.array_equal(
            np.eye(family.action_size, dtype=np.float32)[chosen], evidence.actions
        )
        yield Check("actions", right, "one-hot rows" if right else "are not one-hot rows")
    else:
        largest = float(np.abs(evidence.actions).max())
        yield Check("actions", largest <= 1.0, f"largest {largest:.6g}")


def _replayed(
    family: Family, result: Result, evidence: Evidence, meta_test: MetaTest
) -> tuple[bool, list[Check]]:
    """Whether the result is exact, and the checks of states, metrics and scores."""
    found = replay(family, meta_test, evidence)
    exact = bool(found.equal.all())
    if exact or made_here(result):
        met = int(found.equal.sum())
        detail = f"{met} of {found.equal.size} states met to the last bit"
        findings = [Check("replay", exact, detail)]
        slack = _slack(family, result, found.episodes, meta_test)
        findings += _same_metrics(result, found.episodes, slack)
    else:
        guided = replay(family, meta_test, evidence, guided=True)
        findings = list(compare_guided(family, result, guided, meta_test))
        slack = ROUNDING
    episodes = found.episodes if exact else result.episodes
    scores = normalised_scores(family.id, meta_test.tasks, episodes, meta_test.references)
    right = _same(result.scores, scores, slack)
    detail = "follow from the episodes" if right else f"the episodes give {np.nanmean(scores):.6g}"
    findings.append(Check("scores", right, f"score {result.score:.6g}, {detail}"))
    return exact and slack == 0.0, findings


def _slack(
    family: Family, result: Result, episodes: Mapping[str, FloatArray], meta_test: MetaTest
) -> float:
    """0, unless the numbers are not those here and the result states another NumPy."""
    if result.versions["numpy"] == provenance.package_versions()["numpy"]:
        return 0.0
    scores = normalised_scores(family.id, meta_test.tasks, episodes, meta_test.references)
    equal = all(_same(result.episodes[name], values, 0.0) for name, values in episodes.items())
    return 0.0 if equal and _same(result.scores, scores, 0.0) else ROUNDING


def _same_metrics(
    result: Result, episodes: Mapping[str, FloatArray], slack: float
) -> Iterator[Check]:
    for name, values in episodes.items():
        right = _same(result.episodes[name], values, slack)
        worst = float(np.abs(result.episodes[name] - values).max())
        yield Check(
            f"metric {name}", right, f"{len(values)} episodes, largest difference {worst:.3g}"
        )


def _same(one: FloatArray, other: FloatArray, slack: float) -> bool:
    return bool(np.allclose(one, other, rtol=slack, atol=slack, equal_nan=True))


if not TYPE_CHECKING:
    __getattr__ = deprecated.getattr_for(__name__)
