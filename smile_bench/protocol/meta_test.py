"""The frozen meta-test set: which tasks, contexts and initial states every agent faces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from smile_bench.arrays import FloatArray, IntArray
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.errors import ProtocolError
from smile_bench.io.files import write_atomically
from smile_bench.io.tensors import read_tensors

__all__ = ["PROTOCOL", "MetaTest", "References", "load_meta_test", "sample_meta_test"]

PROTOCOL = "v0"
ARRAYS = {
    "tasks": "tasks",
    "others": "mismatched_tasks",
    "demonstrations": "demonstrations",
    "shots": "shots",
    "initial_states": "initial_states",
}
"""Name of each frozen array in the file, to the attribute of :class:`MetaTest`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class References:
    """What the two references reach on each meta-test task; each array (number of tasks,)."""

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
    """Another meta-test task, which the task-blind expert acts for, (E,)."""
    demonstrations: IntArray
    """Demonstrations in the order in which contexts take them, (E, K): k shots, the first k."""
    shots: IntArray
    """Size of each episode's context in the primary evaluation, (E,)."""
    initial_states: FloatArray
    """(E, S)."""
    dataset: str
    """Digest of the dataset that the demonstrations are of."""
    references: References
    """What scores are normalised by."""

    @property
    def version(self) -> str:
        """The protocol's version: its number and the beginning of :attr:`digest`."""
        return f"{PROTOCOL}-{self.digest[:16]}"

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the protocol fixes."""
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
        """The same with some of the episodes only; its version is of no protocol."""
        chosen: dict[str, Any] = {ARRAYS[name]: a[episodes] for name, a in self.arrays().items()}
        return replace(self, **chosen)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The frozen arrays, by their names in the file."""
        return {name: getattr(self, attribute) for name, attribute in ARRAYS.items()}


def sample_meta_test(
    family: Family, initial_states: FloatArray, dataset: str, rng: np.random.Generator
) -> MetaTest:
    """Draw a meta-test set; done once per protocol version, by ``tools/freeze_protocol.py``.

    Its references are still to be measured.

    Args:
        family: the family.
        initial_states: (E, S), for the episodes task by task.
        dataset: digest of the family's dataset.
        rng: source of randomness.
    """
    number, each = len(family.table("test")), family.evaluation_episodes
    tasks = np.repeat(np.arange(number), each)
    # Any test task but the own, none twice before each came once.
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
    """Write the two files of a frozen protocol: the episodes and the references' metrics."""
    metadata = {"family": meta_test.family, "dataset": meta_test.dataset}
    write_atomically(folder / f"{meta_test.family}.safetensors", save(meta_test.arrays(), metadata))
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


@cache
def load_meta_test(family: str) -> MetaTest:
    """The frozen meta-test set of a family, read-only.

    Raises:
        UnknownNameError: no such family.
        ProtocolError: the family is not frozen yet, or its files are damaged or altered.
    """
    family = get_family(family).id
    folder = protocol_folder()
    document_path = folder / f"{family}.json"
    if not document_path.exists():
        frozen = ", ".join(sorted(path.stem for path in folder.glob("*.json"))) or "none"
        raise ProtocolError(f"{family} has no frozen protocol yet. Frozen: {frozen}.")
    path, remedy = folder / f"{family}.safetensors", "Install smile-bench again."
    file = read_tensors(path, "a meta-test set", ProtocolError, remedy=remedy)
    arrays = file.tensors
    try:
        document = json.loads(document_path.read_text(encoding="utf-8"))
        references = References(
            **{
                name: {metric: np.array(values) for metric, values in reference.items()}
                for name, reference in document["references"].items()
            }
        )
        meta_test = MetaTest(
            family=family,
            dataset=file.text("dataset"),
            references=references,
            **{ARRAYS[name]: array for name, array in arrays.items()},
        )
        # Shared by all evaluations of the process.
        for array in (*arrays.values(), *references.expert.values(), *references.blind.values()):
            array.setflags(write=False)
        version = meta_test.version
    except (OSError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ProtocolError(f"the protocol files of {family} are damaged: {error}") from error
    if version != document["protocol_version"]:
        raise ProtocolError(
            f"the protocol of {family} computes to {version}, but its file says "
            f"{document['protocol_version']}: the frozen set, a task table or the family's "
            "declaration was changed. Install smile-bench again."
        )
    return meta_test


def protocol_folder() -> Path:
    """Where the frozen protocols lie."""
    return Path(str(resources.files("smile_bench.protocol") / "data"))
