"""Forge leaderboard entries in every way that is known, and see what a build makes of each.

Each forgery is one entry among honest ones. ``smile-bench leaderboard build --rerun`` must refuse
it with one line, or show it apart, unranked, or show nothing of it that is false. ``python
tools/forge_entries.py`` prints a table and exits with 1 if a forgery is shown as verified.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from smile_bench import evaluate, get_family, load_agent, read_result
from smile_bench.arrays import FloatArray
from smile_bench.protocol import Result
from smile_bench.protocol.evidence import Evidence, row_digests
from smile_bench.protocol.meta_test import load_meta_test
from smile_bench.protocol.result import render, sealed
from smile_bench.protocol.scores import normalised_scores
from smile_bench.provenance import version_of

ENTRIES = Path(__file__).parents[1] / "leaderboard" / "entries"
ANT, GRID = "SmileAntGoal-v0", "SmileGridGoal-v0"
EXPERT, META_BC, RETRIEVE = "expert", "meta-bc", "retrieve-and-play"
HONEST = (EXPERT, META_BC)
"""The entries beside a forged one."""
OTHER_WEIGHTS = "0123456789abcdef" * 4


@dataclass
class Entry:
    """A folder of entries with the one to forge, which is honest at first."""

    root: Path
    name: str = "forged"
    family: str = GRID
    source: str = RETRIEVE
    """The released entry whose result it starts from."""

    @property
    def folder(self) -> Path:
        """Of the result that is forged."""
        return self.root / self.name / self.family / "seed-0" / "primary"

    def write(self, **facts: Any) -> None:
        """Write the entry as the source has it, with some facts of its card changed."""
        copy_entry(self.source, self.root / self.name, self.family)
        path = self.root / self.name / "entry.json"
        card = json.loads(path.read_text(encoding="utf-8"))
        if self.name != self.source:
            card |= {"name": self.name, "title": "Forged"}
            del card["agent"]
        path.write_text(json.dumps({**card, **facts}), encoding="utf-8")

    def result(self) -> Result:
        """The result with its evidence."""
        return read_result(self.folder, evidence=True)

    def save(self, **changes: Any) -> None:
        """Change fields of the result; every hash, mean and seal follows."""
        replace(self.result(), **changes).save(self.folder)


def copy_entry(name: str, target: Path, family: str) -> None:
    """Copy what a released entry has on one family."""
    shutil.copytree(ENTRIES / name / family, target / family)
    card = json.loads((ENTRIES / name / "entry.json").read_text(encoding="utf-8"))
    card["families"] = [family]
    if isinstance(card["demonstrations"], dict):
        card["demonstrations"] = card["demonstrations"][family]
    (target / "entry.json").write_text(json.dumps(card), encoding="utf-8")


def scored(family: str, episodes: dict[str, FloatArray]) -> dict[str, Any]:
    """Episodes and the scores that follow from them."""
    meta_test = load_meta_test(family)
    scores = normalised_scores(family, meta_test.tasks, episodes, meta_test.references)
    return {"episodes": episodes, "scores": scores}


def nothing(entry: Entry) -> None:
    """nothing: an honest entry"""
    entry.write()


def raised_scores(entry: Entry) -> None:
    """scores raised by 0.2, sealed again"""
    entry.write()
    entry.save(scores=entry.result().scores + 0.2)


def raised_metric(entry: Entry) -> None:
    """one episode's metric raised, means and score to match"""
    entry.write()
    episodes = {name: values.copy() for name, values in entry.result().episodes.items()}
    next(iter(episodes.values()))[3] += 1.0
    entry.save(**scored(entry.family, episodes))


def expert_metrics(entry: Entry) -> None:
    """the expert's metrics over own evidence"""
    entry.write()
    expert = read_result(ENTRIES / EXPERT / entry.family / "seed-0" / "primary")
    entry.save(episodes=expert.episodes, scores=expert.scores)


def edited(entry: Entry, change: Callable[[Evidence], dict[str, Any]]) -> None:
    """Write the entry with changed arrays of evidence."""
    entry.write()
    evidence = entry.result().evidence
    assert evidence is not None
    entry.save(evidence=replace(evidence, **change(evidence)))


def other_action(entry: Entry) -> None:
    """an action exchanged in the evidence of a body"""
    entry.family = ANT
    edited(entry, lambda evidence: {"actions": evidence.actions * np.float32(0.999)})


def other_states(entry: Entry) -> None:
    """recorded states altered, with their digests"""

    def change(evidence: Evidence) -> dict[str, Any]:
        states = evidence.states.copy()
        states[5, -1] += 1.0
        digests = row_digests(states.astype(np.float64))
        return {"states": states, "state_digests": digests}

    edited(entry, change)


def standing_ant(entry: Entry) -> None:
    """an ant that stands and is put onto its goal once, stating another MuJoCo"""
    entry.family, family, meta_test = ANT, get_family(ANT), load_meta_test(ANT)
    entry.write(state_only=False)
    honest = entry.result()
    assert honest.evidence is not None
    goals, slots = family.table("test")[meta_test.tasks], len(meta_test.tasks)
    states: list[FloatArray] = []
    still = np.zeros((slots, family.horizon, family.action_size), np.float32)
    simulator = family.make_simulator(slots)
    simulator.set_tasks(goals)
    simulator.reset(meta_test.initial_states)
    for time in range(family.horizon):
        outcome = simulator.step(still[:, time])
        if time + 1 == honest.evidence.steps[len(states)]:
            state = simulator.state()
            if len(states) == 1:
                state[:, :2] = goals
                simulator.set_state(state)
            states.append(state)
    found = np.stack(states, axis=1)
    evidence = replace(
        honest.evidence,
        actions=still,
        states=found.astype(np.float32),
        state_digests=row_digests(found),
    )
    metrics = {metric.name: outcome.info[metric.name].copy() for metric in family.metrics}
    versions = {**honest.versions, "mujoco": "4.0.1"}
    entry.save(evidence=evidence, versions=versions, **scored(ANT, metrics))


def shifted_ant(entry: Entry) -> None:
    """recorded states off by 1 mm, stating another MuJoCo"""
    entry.family = ANT
    entry.write()
    result = entry.result()
    assert result.evidence is not None
    states = result.evidence.states.copy()
    states[..., 0] += np.float32(0.001)
    evidence = replace(result.evidence, states=states)
    entry.save(evidence=evidence, versions={**result.versions, "mujoco": "3.17.0"})


def future_version(entry: Entry) -> None:
    """an exact result that states a MuJoCo which does not exist, to have a partition of its own"""
    entry.write()
    entry.save(versions={**entry.result().versions, "mujoco": "9.9.9"})


def copied_run(entry: Entry) -> None:
    """another entry's run under an own name"""
    entry.write()
    copy_entry(RETRIEVE, entry.root / RETRIEVE, entry.family)


def repack(folder: Path, facts: dict[str, Any]) -> None:
    """Pack evidence by another gzip level, and change facts of its result."""
    document, packed = read_result(folder).to_dict(), io.BytesIO()
    with h5py.File(folder / "evidence.h5") as old, h5py.File(packed, "w") as new:
        new.attrs.update(old.attrs)
        for name in old:
            new.create_dataset(name, data=old[name][...], compression="gzip", compression_opts=9)
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    (folder / "evidence.h5").write_bytes(packed.getvalue())
    text = render(sealed({**document, **facts}, digest))
    (folder / "result.json").write_text(text, encoding="utf-8")


def repacked_run(entry: Entry) -> None:
    """the same, its evidence packed by another gzip level"""
    copied_run(entry)
    repack(entry.folder, {})


def one_run_as_two_seeds(entry: Entry) -> None:
    """one run packed again as a second training seed"""
    entry.source = META_BC
    entry.write()
    shutil.rmtree(entry.root / META_BC)
    seed = entry.root / entry.name / entry.family / "seed-1"
    shutil.copytree(entry.folder.parent, seed)
    training = {**(entry.result().training or {}), "seed": 1}
    repack(seed / "primary", {"training": training})


def shipped_agent(entry: Entry) -> None:
    """Make the entry the released one of Meta-BC, whose place it takes."""
    entry.name = entry.source = META_BC
    shutil.rmtree(entry.root / META_BC)
    entry.write()


def experts_actions(entry: Entry) -> None:
    """the expert's actions under a shipped agent's name and weights"""
    shipped_agent(entry)
    expert = evaluate(load_agent(EXPERT, entry.family), entry.family)
    entry.save(evidence=expert.evidence, episodes=expert.episodes, scores=expert.scores)
    shutil.rmtree(entry.root / EXPERT)


def other_weights(entry: Entry) -> None:
    """a shipped agent with a hash of other weights"""
    shipped_agent(entry)
    entry.save(weights=OTHER_WEIGHTS)


def invented_curve(entry: Entry) -> None:
    """a shipped agent's shot curve, invented, without evidence"""
    shipped_agent(entry)
    curve = evaluate(load_agent(META_BC, entry.family), entry.family, shots=1)
    references = load_meta_test(entry.family).references
    tasks = curve.tasks
    episodes = {
        name: (blind + 2.31 * (references.expert[name] - blind))[tasks]
        for name, blind in references.blind.items()
    }
    folder = entry.folder.with_name("1-shots")
    replace(curve, **scored(entry.family, episodes)).save(folder)
    (folder / "evidence.h5").unlink()


def metered(entry: Entry, track: str, **access: int) -> None:
    """State what a training used, as the metered access counts it."""
    training = {"seed": 0, "command": "none", "seconds": 60.0, "track": track, "access": access}
    entry.save(training=training)


def fewer_demonstrations(entry: Entry) -> None:
    """a claim of 1 demonstration a task with 512 metered"""
    entry.write(demonstrations=1)
    metered(entry, "offline", demonstrations=512, env_steps=0, expert_queries=0)


def stricter_track(entry: Entry) -> None:
    """the offline track for a training that stepped environments"""
    entry.write(demonstrations=16)
    metered(entry, "offline", demonstrations=512, env_steps=100_000, expert_queries=0)


def state_only(entry: Entry) -> None:
    """the state-only form for an agent that was shown actions"""
    entry.write(state_only=True)


def privileged(entry: Entry) -> None:
    """the expert, which sees the task, as an agent among others"""
    entry.source = EXPERT
    shutil.rmtree(entry.root / EXPERT)
    entry.write(reference=False)


def hidden_privilege(entry: Entry) -> None:
    """the expert's run that states that it did not see the task"""
    entry.source = EXPERT
    entry.write(reference=False)
    entry.save(privileged=False)


def other_evidence(entry: Entry) -> None:
    """the evidence of another run beside a better result"""
    entry.write()
    evidence = ENTRIES / META_BC / entry.family / "seed-0" / "primary" / "evidence.h5"
    shutil.copy(evidence, entry.folder)


def no_evidence(entry: Entry) -> None:
    """no evidence"""
    entry.write()
    (entry.folder / "evidence.h5").unlink()


def easier_tasks(entry: Entry) -> None:
    """the easiest task in every episode"""
    entry.write()
    document = entry.result().to_dict()
    best = int(np.nanargmax(entry.result().scores))
    document["episodes"]["task"] = [best] * len(document["episodes"]["task"])
    digest = hashlib.sha256((entry.folder / "evidence.h5").read_bytes()).hexdigest()
    # Saving the result would refuse it.
    text = render(sealed(document, digest))
    (entry.folder / "result.json").write_text(text, encoding="utf-8")


def larger_contexts(entry: Entry) -> None:
    """larger contexts than the protocol gives, as the primary evaluation"""
    entry.write()
    many = evaluate(load_agent(RETRIEVE, entry.family), entry.family, shots=8)
    replace(many, evaluation="primary").save(entry.folder)


def other_protocol(entry: Entry) -> None:
    """a meta-test set of one's own"""
    entry.write()
    entry.save(meta_test="0" * 64, protocol_version="v0-0000000000000000")


def somebodys_title(entry: Entry) -> None:
    """the title of another entry in its track"""
    card = json.loads((ENTRIES / META_BC / "entry.json").read_text(encoding="utf-8"))
    entry.write(title=card["title"])


FORGERIES: tuple[Callable[[Entry], None], ...] = (
    raised_scores, raised_metric, expert_metrics, other_action, other_states, standing_ant,
    shifted_ant, future_version, copied_run, repacked_run, one_run_as_two_seeds, experts_actions,
    other_weights, invented_curve, fewer_demonstrations, stricter_track, state_only, privileged,
    hidden_privilege, other_evidence, no_evidence, easier_tasks, larger_contexts, other_protocol,
    somebodys_title,
)  # fmt: skip


def build(entry: Entry) -> tuple[str, str]:
    """Build the leaderboard; return what became of the entry and the line about it."""
    from smile_bench.cli import main

    output, errors = entry.root.with_suffix(".site"), io.StringIO()
    options = ["--entries", str(entry.root), "--output", str(output), "--rerun"]
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = main(["leaderboard", "build", *options])
    if status:
        return "refused", errors.getvalue().strip().replace(str(entry.root), "")
    document = json.loads((output / "leaderboard.json").read_text(encoding="utf-8"))
    (row,) = (row for row in document["rows"] if row["name"] == entry.name)
    if row["apart"]:
        return "shown apart", "unranked, below the ranking"
    here = ".".join(version_of("mujoco").split(".")[:2])
    if row["partition"].endswith(f"/{here}") and entry.result().versions["mujoco"] == "9.9.9":
        return "no gain", f"filed under MuJoCo {here}, which replayed it"
    return "SHOWN AS VERIFIED", ""


def forge(forgery: Callable[[Entry], None], folder: Path) -> tuple[str, str]:
    """Forge an entry among honest ones, and build."""
    entry = Entry(folder / forgery.__name__)
    for name in HONEST:
        copy_entry(name, entry.root / name, GRID)
    forgery(entry)
    return build(entry)


def main() -> int:
    """Try the forgeries."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [forgery.__name__ for forgery in FORGERIES]
    parser.add_argument("--only", nargs="+", choices=names, help="these, by default all")
    arguments = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        outcome, line = forge(nothing, Path(name))
        if outcome != "SHOWN AS VERIFIED":
            print(f"an honest entry was {outcome}: {line}")
            return 1
        for forgery in FORGERIES:
            if arguments.only and forgery.__name__ not in arguments.only:
                continue
            outcome, line = forge(forgery, Path(name))
            wrong += outcome == "SHOWN AS VERIFIED"
            print(f"| {forgery.__doc__} | {outcome} | {line[:160]} |", flush=True)
    print(f"{wrong} shown as verified", flush=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
