"""The frozen fine-tuning sets: which tasks an agent learns in, from which contexts and starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.datasets import Context, load_dataset
from smile_bench.envs import Family, get_family
from smile_bench.errors import ProtocolError, clipped, require_known
from smile_bench.io.tensors import TensorFile, read_tensors, write_tensors
from smile_bench.protocol.meta_test import MetaTest, load_meta_test
from smile_bench.protocol.result_schema import BUDGET, CONTEXTS
from smile_bench.protocol.scores import scores_of_means

__all__ = [
    "BUDGET",
    "CONTEXTS",
    "EPISODES",
    "FineTuningSet",
    "load_fine_tuning",
    "read_fine_tuning",
    "write_fine_tuning",
]

EPISODES = (0, 1, 5, 20, BUDGET)
"""Rewarded episodes in a task after which the protocol scores the policy."""

FORMAT = "smile-bench-fine-tuning-1"
PARTS = ("observations", "actions", "next_observations")
REMEDY = (
    "Install smile-bench again, or freeze the set again with "
    "smile_bench.protocol.fine_tuning.freeze if the family is your own."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuningSet(MetaTest):
    """The scored episodes (E) of B meta-test tasks, and what an agent may learn from in each.

    Tasks, initial states and references of the scored episodes are those of the family's frozen
    meta-test set. All episodes of a task have the same context.
    """

    contexts: str
    """One of :data:`CONTEXTS`."""
    rows: IntArray
    """Which episodes of the frozen meta-test set are scored, task by task, (E,)."""
    start_seeds: IntArray
    """Seed of each task's rewarded episodes, (B,)."""
    demonstrator_means: FloatArray
    """Primary metric of the demonstrator in each task, over all its demonstrations, (B,)."""
    recorded: Mapping[str, Float32Array] | None
    """Transitions of the contexts, each (B, K, T, ·); None where the dataset holds them."""
    attributes: Mapping[str, Any]
    """How the demonstrations were made."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything that this set fixes."""
        facts = {
            "protocol": "fine-tune",
            "contexts": self.contexts,
            "meta_test": load_meta_test(self.family).digest,
            "dataset": self.dataset,
        }
        total = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        frozen = (self.rows, self.start_seeds, self.demonstrator_means)
        for array in (*self.arrays().values(), *frozen):
            total.update(f"{array.dtype.str} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()

    @property
    def learning_tasks(self) -> IntArray:
        """Index of each task in the meta-test split, rising, (B,)."""
        return np.unique(self.tasks)

    @property
    def repeats(self) -> int:
        """Scored episodes of each task."""
        return len(self.tasks) // len(self.learning_tasks)

    @property
    def demonstrator_scores(self) -> FloatArray:
        """Normalised score of the demonstrator on each task, (B,)."""
        family = get_family(self.family)
        means = np.full(len(family.table("test")), np.nan)
        means[self.learning_tasks] = self.demonstrator_means
        return scores_of_means(self.family, means, self.references)[self.learning_tasks]

    @property
    def demonstrator_score(self) -> float:
        """Normalised score of the demonstrator, averaged over tasks."""
        return float(np.nanmean(self.demonstrator_scores))

    def task_contexts(self) -> list[Context]:
        """The context of each task, B of them.

        Raises:
            DatasetError, ProtocolError: the dataset is missing, damaged, or another one.
        """
        if self.recorded is not None:
            return [
                Context(family=self.family, **{part: self.recorded[part][b] for part in PARTS})
                for b in range(len(self.learning_tasks))
            ]
        dataset = load_dataset(self.family)
        if (found := dataset.digest()) != self.dataset:
            raise ProtocolError(
                f"the fine-tuning set {self.version} of {self.family} was frozen on the dataset "
                f"{self.dataset[:16]}…, but the dataset here is {found[:16]}…. {REMEDY}"
            )
        rows = self.demonstrations[:: self.repeats]
        return [
            dataset.test.context(int(task), row.tolist())
            for task, row in zip(self.learning_tasks, rows, strict=True)
        ]

    def starts(self, seeds: Sequence[int], first: int, episodes: int) -> FloatArray:
        """Initial states of rewarded episodes, for each training seed all B tasks.

        Each follows from the task, the training seed and the number of the episode alone.

        Args:
            seeds: training seeds.
            first: number of the first episode.
            episodes: how many.

        Returns:
            (seeds × B, episodes, S).
        """
        family = get_family(self.family)
        simulator, table = family.make_simulator(1, threads=1), family.table("test")
        numbers = range(first, first + episodes)
        return np.array(
            [
                [
                    simulator.sample_start(np.random.default_rng([start, seed, i]), table[task])
                    for i in numbers
                ]
                for seed in seeds
                for task, start in zip(self.learning_tasks, self.start_seeds, strict=True)
            ]
        ).reshape(len(seeds) * len(self.learning_tasks), episodes, family.state_size)


def write_fine_tuning(folder: Path, frozen: FineTuningSet) -> Path:
    """Write a fine-tuning set.

    Args:
        folder: where its file goes; it is created.
        frozen: the set.

    Returns:
        The file.
    """
    tensors = {
        "rows": frozen.rows,
        "demonstrations": frozen.demonstrations[:: frozen.repeats].copy(),
        "start_seeds": frozen.start_seeds,
        "demonstrator_means": frozen.demonstrator_means,
        **{f"contexts/{name}": array for name, array in (frozen.recorded or {}).items()},
    }
    metadata = {
        "format": FORMAT,
        "family": frozen.family,
        "contexts": frozen.contexts,
        "dataset": frozen.dataset,
        "version": frozen.version,
        "attributes": json.dumps(frozen.attributes, sort_keys=True),
    }
    path = folder / _file(frozen.family, frozen.contexts)
    write_tensors(path, tensors, metadata)
    _load.cache_clear()
    return path


def load_fine_tuning(family: str | Family, contexts: str = CONTEXTS[0]) -> FineTuningSet:
    """The frozen fine-tuning set of a family, read-only.

    It lies in the family's own folder ``data``, where it has one, or in the package.

    Args:
        family: the family or its id.
        contexts: who gives the demonstrations, one of :data:`CONTEXTS`.

    Raises:
        UnknownNameError: there is no such family or kind of contexts.
        ProtocolError: the family has no such set, or its file is damaged or altered.
    """
    require_known("kind of contexts", [contexts], CONTEXTS)
    return _load(get_family(family), contexts)


def read_fine_tuning(family: str | Family, contexts: str, folder: Path) -> FineTuningSet:
    """Read the fine-tuning set of a family from a folder; its arrays are read-only.

    Raises:
        UnknownNameError: there is no such family.
        ProtocolError: as :func:`load_fine_tuning`.
    """
    family = get_family(family)
    path = folder / _file(family.id, contexts)
    if not path.exists():
        raise ProtocolError(
            f"{family.id} has no frozen fine-tuning set with contexts of the {contexts} "
            f"demonstrator in {folder}. Freeze one for a family of your own with "
            "smile_bench.protocol.fine_tuning.freeze.freeze_fine_tuning."
        )
    file = read_tensors(path, "a fine-tuning set", ProtocolError, formats=(FORMAT,), remedy=REMEDY)
    stated = (file.text("family"), file.text("contexts"))
    if stated != (family.id, contexts):
        raise ProtocolError(
            f"{path} says that it is of {clipped(' with contexts of '.join(stated), 120)}. {REMEDY}"
        )
    with file.understanding():
        found = _set(family, contexts, file)
        version = found.version
    if version != (said := file.text("version")):
        raise ProtocolError(
            f"the fine-tuning set in {path} computes to {version}, but its file says "
            f"{clipped(said, 60)}: the set, the frozen meta-test set or the family's declaration "
            f"was changed. {REMEDY}"
        )
    return found


def fine_tuning_folder(family: Family) -> Path:
    """Where the fine-tuning sets of a family lie."""
    if family.data is not None:
        return family.data
    return Path(str(resources.files("smile_bench.protocol.fine_tuning") / "data"))


def recorded_digest(recorded: Mapping[str, Float32Array]) -> str:
    """SHA-256 of the transitions of contexts."""
    total = hashlib.sha256()
    for name in PARTS:
        array = recorded[name]
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _set(family: Family, contexts: str, file: TensorFile) -> FineTuningSet:
    meta_test = load_meta_test(family)
    for array in file.tensors.values():
        array.setflags(write=False)
    rows = file.tensor("rows")
    scored = meta_test.select(rows)
    of_tasks = file.tensor("demonstrations")
    each = len(rows) // len(of_tasks)
    if not np.array_equal(scored.tasks, np.repeat(np.unique(scored.tasks), each)):
        raise ProtocolError("its episodes do not come task by task")
    names = {part: f"contexts/{part}" for part in PARTS}
    recorded = None
    if names["observations"] in file.tensors:
        recorded = {part: file.tensor(name) for part, name in names.items()}
        if recorded_digest(recorded) != file.text("dataset"):
            raise ProtocolError("its contexts do not have the digest that it states")
    demonstrations = np.repeat(of_tasks, each, axis=0)
    return FineTuningSet(
        family=family.id,
        tasks=scored.tasks,
        mismatched_tasks=scored.mismatched_tasks,
        demonstrations=demonstrations,
        shots=np.full(len(rows), demonstrations.shape[1]),
        initial_states=scored.initial_states,
        dataset=file.text("dataset"),
        references=meta_test.references,
        contexts=contexts,
        rows=rows,
        start_seeds=file.tensor("start_seeds"),
        demonstrator_means=file.tensor("demonstrator_means"),
        recorded=recorded,
        attributes=file.document("attributes"),
    )


def _file(family: str, contexts: str) -> str:
    return f"{family}-fine-tune-{contexts}.safetensors"


@cache
def _load(family: Family, contexts: str) -> FineTuningSet:
    return read_fine_tuning(family, contexts, fine_tuning_folder(family))
