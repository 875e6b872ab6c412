"""Alter a result at random, with its old seal or a new one, and count what verification notices."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from smile_bench import evaluate, load_agent, read_result, verify_result
from smile_bench.errors import ProtocolError
from smile_bench.protocol import Result

Alteration = Callable[[Path, Result, np.random.Generator], bool]
"""Alters a saved result at random, and says whether that was noticed."""


def flip_byte(folder: Path, result: Result, rng: np.random.Generator) -> bool:
    """Flip bits of a byte of either file."""
    path = folder / ("result.json", "evidence.h5")[rng.integers(2)]
    content = path.read_bytes()
    changed = bytearray(content)
    changed[rng.integers(len(changed))] ^= int(rng.integers(1, 256))
    path.write_bytes(changed)
    try:
        read_result(folder, evidence=True)
    except ProtocolError:
        return True
    finally:
        path.write_bytes(content)
    return False


def alter_evidence(folder: Path, result: Result, rng: np.random.Generator) -> bool:
    """Alter a value of the evidence and compute every hash again."""
    evidence = result.evidence
    assert evidence is not None
    arrays = evidence.arrays()
    name = str(rng.choice(list(arrays)))
    array: Any = arrays[name].copy()
    where = int(rng.integers(array.size))
    if name == "actions":
        row = array.reshape(-1, array.shape[-1])[where // array.shape[-1]]
        row[:] = np.roll(row, int(rng.integers(1, len(row))))
        if np.array_equal(array, arrays[name]):
            return True
    else:
        array.flat[where] += array.dtype.type(rng.integers(1, 4))
    changes: dict[str, Any] = {name: array}
    replace(result, evidence=replace(evidence, **changes)).save(folder)
    return not verify_result(folder).ranked


def forge_episode(folder: Path, result: Result, rng: np.random.Generator) -> bool:
    """Alter a metric of an episode together with every mean and the score of its task."""
    episodes = {name: values.copy() for name, values in result.episodes.items()}
    name = str(rng.choice(list(episodes)))
    where = int(rng.integers(len(result.tasks)))
    episodes[name][where] += rng.normal()
    scores = result.scores.copy()
    scores[result.tasks[where]] += 0.1 * rng.normal()
    replace(result, episodes=episodes, scores=scores).save(folder)
    return not verify_result(folder).ranked


def state_elsewhere(folder: Path, result: Result, rng: np.random.Generator) -> bool:
    """Alter the evidence or an episode, and state another version of MuJoCo and of NumPy."""
    versions = {**result.versions, "mujoco": "3.17.0", "numpy": "2.0.0"}
    alter = (alter_evidence, forge_episode)[rng.integers(2)]
    return alter(folder, replace(result, versions=versions), rng)


ALTERATIONS: tuple[Alteration, ...] = (flip_byte, alter_evidence, forge_episode, state_elsewhere)


def tamper(family: str, agent: str, number: int) -> None:
    """Try each kind of alteration ``number`` times and print how many were noticed."""
    result = evaluate(load_agent(agent, family), family)
    for alter in ALTERATIONS:
        rng, noticed = np.random.default_rng(0), 0
        with tempfile.TemporaryDirectory() as name:
            folder = result.save(name).parent
            for _ in tqdm(range(number), desc=alter.__name__, leave=False, disable=None):
                noticed += alter(folder, result, rng)
        print(f"{alter.__name__:16} {number} tried, {noticed} noticed", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family")
    parser.add_argument("--agent", default="retrieve-and-play")
    parser.add_argument("--number", type=int, default=1000)
    arguments = parser.parse_args()
    tamper(arguments.family, arguments.agent, arguments.number)
