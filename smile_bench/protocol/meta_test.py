"""The frozen meta-test set: which tasks, contexts and initial states every agent faces."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.errors import ProtocolError, SmileError, clipped
from smile_bench.io.files import write_atomically
from smile_bench.io.shipped import require_unaltered
from smile_bench.io.tensors import CONTENT_ERRORS, read_tensors, write_tensors

__all__ = [
    "PROTOCOL",
    "MetaTest",
    "References",
    "load_meta_test",
    "protocol_folder",
    "read_meta_test",
    "sample_meta_test",
    "write_meta_test",
]

PROTOCOL = "v0"
ARRAYS = {
    "tasks": "tasks",
    "others": "mismatched_tasks",
    "demonstrations": "demonstrations",
    "shots": "shots",
    "initial_states": "initial_states",
}
"""Name of each frozen array in its file to the attribute of :class:`MetaTest`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class References:
    """What the two references reach on each meta-test task; each array is (number of tasks,)."""

    expert: Mapping[str, FloatArray]
    """Metric name to the expert's mean: score 1."""
    blind: Mapping[str, FloatArray]
    """Metric name to the task-blind expert's mean: score 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MetaTest:
    """E evaluation episodes of a family, the same for every agent."""

    family: str
    tasks: IntArray
    """Meta-test task of each episode, (E,)."""
    mismatched_tasks: IntArray
    """Another meta-test task for each episode, which the task-blind expert acts for, (E,)."""
    demonstrations: IntArray
    """Order of the task's demonstrations, (E, K): a context of k shots holds the first k."""
    shots: IntArray
    """Size of each episode's context in the primary evaluation, (E,)."""
    initial_states: FloatArray
    """Initial state of each episode, (E, S)."""
    dataset: str
    """Digest of the dataset that holds the demonstrations."""
    references: References
    """The metrics that normalise scores."""

    @property
    def others(self) -> IntArray:
        """The former name of :attr:`mismatched_tasks`.

        Warns:
            DeprecationWarning: always.
        """
        warnings.warn(
            "MetaTest.others is now MetaTest.mismatched_tasks. The old name will be removed.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.mismatched_tasks

    @property
    def version(self) -> str:
        """The protocol's version: its number and the beginning of :attr:`digest`."""
        return f"{PROTOCOL}-{self.digest[:16]}"

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the protocol fixes.

        Raises:
            UnknownNameError: the family is not registered.
        """
        family = get_family(self.family)
        total = hashlib.sha256()
        facts = {
            "protocol": PROTOCOL,
            "family": family.id,
            "horizon": family.horizon,
            "metrics": [metric.name for metric in family.metrics],
            "constants": dict(family.constants),
            "physics": dict(family.physics),
            "dataset": self.dataset,
        }
        total.update(json.dumps(facts, sort_keys=True).encode())
        tables = [family.table(split) for split in SPLITS]
        references = [
            reference[metric.name]
            for reference in (self.references.expert, self.references.blind)
            for metric in family.metrics
        ]
        for array in (*tables, *self.arrays().values(), *references):
            total.update(f"{array.dtype.str} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()

    def select(self, episodes: IntArray) -> MetaTest:
        """A meta-test set of some of the episodes; its version is not that of a protocol."""
        chosen: dict[str, Any] = {ARRAYS[name]: a[episodes] for name, a in self.arrays().items()}
        return replace(self, **chosen)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The frozen arrays, by their names in the file."""
        return {name: getattr(self, attribute) for name, attribute in ARRAYS.items()}


def sample_meta_test(
    family: Family, initial_states: FloatArray, dataset: str, rng: np.random.Generator
) -> MetaTest:
    """Sample a meta-test set. Its references are still to be measured.

    This is done once per protocol version, by :mod:`smile_bench.protocol.freeze`.

    Args:
        family: the family.
        initial_states: of the episodes, task by task, (E, S).
        dataset: digest of the family's dataset.
        rng: source of randomness.
    """
    number, each = len(family.table("test")), family.evaluation_episodes
    tasks = np.repeat(np.arange(number), each)
    # Every other task comes once before any comes twice.
    shift = np.concatenate([np.resize(rng.permutation(number - 1), each) for _ in range(number)])
    order = rng.random((len(tasks), family.dataset_recipe.demonstrations)).argsort(axis=1)
    sizes = np.array(family.context_sizes)
    return MetaTest(
        family=family.id,
        tasks=tasks,
        mismatched_tasks=(tasks + 1 + shift) % number,
        demonstrations=order[:, : sizes.max()].copy(),
        shots=sizes[np.tile(np.arange(each), number) % len(sizes)],
        initial_states=initial_states,
        dataset=dataset,
        references=References(expert={}, blind={}),
    )


def write_meta_test(folder: Path, meta_test: MetaTest) -> None:
    """Write the two files of a frozen protocol: the episodes and the references' metrics.

    Args:
        folder: where they go; it is created.
        meta_test: the meta-test set with its references.
    """
    metadata = {"family": meta_test.family, "dataset": meta_test.dataset}
    write_tensors(folder / f"{meta_test.family}.safetensors", meta_test.arrays(), metadata)
    references = meta_test.references
    document = {
        "family": meta_test.family,
        "protocol_version": meta_test.version,
        "references": {
            name: {metric: values.tolist() for metric, values in reference.items()}
            for name, reference in (("expert", references.expert), ("blind", references.blind))
        },
    }
    write_atomically(folder / f"{meta_test.family}.json", json.dumps(document, indent=1) + "\n")
    _load.cache_clear()


def load_meta_test(family: str | Family) -> MetaTest:
    """The frozen meta-test set of a family, read-only.

    It lies in the family's own folder ``data``, where it has one, or in the package.

    Raises:
        UnknownNameError: there is no such family.
        ProtocolError: the family is not frozen yet, or its files are damaged or altered.
    """
    return _load(get_family(family))


def read_meta_test(family: str | Family, folder: Path) -> MetaTest:
    """Read the frozen meta-test set of a family from a folder; its arrays are read-only.

    Raises:
        UnknownNameError: there is no such family.
        ProtocolError: as :func:`load_meta_test`.
    """
    family = get_family(family)
    document_path, path = folder / f"{family.id}.json", folder / f"{family.id}.safetensors"
    if not document_path.exists():
        frozen = ", ".join(sorted(found.stem for found in folder.glob("*.json"))) or "none"
        raise ProtocolError(
            f"{family.id} has no frozen protocol in {folder} yet. Frozen there: {frozen}. Freeze a "
            "family of your own with smile_bench.protocol.freeze.freeze_protocol."
        )
    remedy = "Install smile-bench again, or freeze the protocol again if the family is your own."
    require_unaltered(document_path, ProtocolError)
    file = read_tensors(path, "a meta-test set", ProtocolError, remedy=remedy)
    try:
        document = json.loads(document_path.read_text(encoding="utf-8"))
        references = References(
            **{
                name: {metric: np.array(values) for metric, values in reference.items()}
                for name, reference in document["references"].items()
            }
        )
        meta_test = MetaTest(
            family=family.id,
            dataset=file.text("dataset"),
            references=references,
            **{ARRAYS[name]: array for name, array in file.tensors.items()},
        )
        # All evaluations of the process share them.
        for array in (
            *file.tensors.values(),
            *references.expert.values(),
            *references.blind.values(),
        ):
            array.setflags(write=False)
        version, stated = meta_test.version, document["protocol_version"]
        named = {str(document["family"]), file.text("family")}
    except SmileError:
        raise
    except (OSError, RecursionError, *CONTENT_ERRORS) as error:
        raise ProtocolError(
            f"the protocol files of {family.id} in {folder} are damaged: "
            f"{clipped(str(error))}. {remedy}"
        ) from error
    if named != {family.id}:
        raise ProtocolError(
            f"the protocol files of {family.id} in {folder} say that they are of "
            f"{clipped(' and '.join(sorted(named)), 120)}. {remedy}"
        )
    if version != stated:
        raise ProtocolError(
            f"the protocol of {family.id} computes to {version}, but its file says "
            f"{clipped(str(stated), 60)}: the "
            f"frozen set, a task table or the family's declaration was changed. {remedy}"
        )
    return meta_test


def protocol_folder() -> Path:
    """Where the frozen protocols of the shipped families lie."""
    return Path(str(resources.files("smile_bench.protocol") / "data"))


@cache
def _load(family: Family) -> MetaTest:
    return read_meta_test(family, family.data or protocol_folder())
