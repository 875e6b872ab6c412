"""Folders of fine-tuning results: where each lies, what is done already, and the curve of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smile_bench.agents import FineTuningAgent
from smile_bench.envs import Family, get_family
from smile_bench.errors import InputError
from smile_bench.protocol.fine_tuning.curve import FineTuned
from smile_bench.protocol.fine_tuning.frozen import EPISODES, load_fine_tuning
from smile_bench.protocol.fine_tuning.running import checked_episodes, fine_tune
from smile_bench.protocol.result import RESULT_FILE, Result
from smile_bench.protocol.result_file import read_result
from smile_bench.provenance import training_of, weights_of

__all__ = ["fine_tune_into", "read_fine_tuned", "result_folder"]


def result_folder(directory: Path, family: str, seed: int, contexts: str, episodes: int) -> Path:
    """Where a result lies: FAMILY/seed-N/CONTEXTS-EPISODES below the directory."""
    return directory / family / f"seed-{seed}" / f"{contexts}-{episodes}"


def fine_tune_into(
    directory: Path,
    agent: FineTuningAgent,
    family: str | Family,
    *,
    contexts: str = "expert",
    seeds: Sequence[int] = (0,),
    episodes: Sequence[int] = EPISODES,
    name: str | None = None,
) -> FineTuned:
    """Fine-tune as :func:`fine_tune`, with every result in its own folder as it is reached.

    Training seeds whose results all lie there are not run again. What a killed run had learned is
    not kept, so the other seeds begin from scratch.

    Args:
        directory: results go to FAMILY/seed-N/CONTEXTS-EPISODES below it.
        agent: as for :func:`fine_tune`; likewise the other arguments.
        family: the family or its id.
        contexts: who gives the demonstrations.
        seeds: training seeds.
        episodes: numbers of rewarded episodes.
        name: what the results call the agent.

    Raises:
        InputError: results there are of another agent, other weights or another set.
        ProtocolError: a result there cannot be read.
        SmileError: as :func:`fine_tune`.
    """
    family, numbers = get_family(family), checked_episodes(episodes)
    agent_name = getattr(agent, "name", type(agent).__name__) if name is None else name
    version = load_fine_tuning(family, contexts).version
    expected = (agent_name, training_of(agent), weights_of(agent), version)
    left = []
    for seed in seeds:
        found = 0
        for number in numbers:
            folder = result_folder(directory, family.id, seed, contexts, number)
            if (folder / RESULT_FILE).exists():
                _require_same(folder, expected)
                found += 1
        if found < len(numbers):
            left.append(seed)

    def save(result: Result) -> None:
        facts = result.fine_tuning
        assert facts is not None
        result.save(result_folder(directory, family.id, facts.seed, facts.contexts, facts.rewarded))

    if left:
        fine_tune(
            agent, family, contexts=contexts, seeds=left, episodes=numbers, name=name, save=save
        )
    return read_fine_tuned(directory, family, contexts, seeds, numbers)


def read_fine_tuned(
    directory: Path,
    family: str | Family,
    contexts: str,
    seeds: Sequence[int],
    episodes: Sequence[int] = EPISODES,
) -> FineTuned:
    """Read the results below a folder, without their evidence.

    Raises:
        InputError: they do not belong together.
        ProtocolError: a result is missing or cannot be read.
    """
    family = get_family(family)
    rows = {
        seed: tuple(
            read_result(result_folder(directory, family.id, seed, contexts, number))
            for number in episodes
        )
        for seed in seeds
    }
    results = [result for row in rows.values() for result in row]
    for result in results:
        if (result.agent, result.meta_test) != (results[0].agent, results[0].meta_test):
            raise InputError(
                f"the results in {directory / family.id} are of different agents or sets: "
                f"{results[0].agent} and {result.agent}. Keep those of each in their own folder."
            )
    return FineTuned(
        agent=results[0].agent,
        family=family.id,
        contexts=contexts,
        episodes=tuple(episodes),
        demonstrator_score=load_fine_tuning(family, contexts).demonstrator_score,
        results=rows,
    )


def _require_same(folder: Path, expected: tuple[object, ...]) -> None:
    """Refuse a result that another agent left."""
    stated = read_result(folder)
    if (stated.agent, stated.training, stated.weights, stated.protocol_version) != expected:
        raise InputError(
            f"{folder} holds a result of {stated.agent} that differs from this run in its agent, "
            "training, weights or frozen set. Name another folder, or remove that one."
        )
