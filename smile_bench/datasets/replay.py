"""Replaying demonstrations: to the last bit, or guided by what is stored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from smile_bench.arrays import Float32Array, FloatArray, IntArray
from smile_bench.datasets.dataset import Demonstrations
from smile_bench.envs import Family
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.envs.rollout import rollout
from smile_bench.envs.simulation import BatchSimulator

__all__ = ["BOUNDS", "Bound", "guided_deviations", "outside", "replay_difference"]


class Bound(NamedTuple):
    """How far a stored observation may lie from the replay of the stretch that leads to it."""

    stretch: float
    """In any one stretch of any one demonstration."""
    episode: float
    """Summed over the stretches of any one demonstration."""
    most: float
    """Summed over the stretches of a demonstration, in nine of ten demonstrations."""


BOUNDS = {
    "positions (m, rad)": Bound(0.05, 0.05, 0.02),
    "velocities (m/s, rad/s)": Bound(2.0, 3.5, 0.6),
}
"""About twice the largest deviations between MuJoCo 4.0 and 3.17, which ``smile-bench datasets
verify`` prints; docs/how_to/build_a_dataset.md has the table."""
MOST_EPISODES = 0.9


def replay_difference(family: Family, part: Demonstrations, tasks: IntArray, steps: int) -> float:
    """Replay the first demonstration of some tasks from its initial state and actions.

    Args:
        family: the family.
        part: a split of its dataset.
        tasks: task indices (n,).
        steps: control steps to replay.

    Returns:
        The largest absolute difference between stored and replayed observations, as float32, over
        the stored transitions within these control steps.

    Raises:
        InputError, SimulationError: the simulator cannot take the states or the actions.
    """
    actions = _actions(part, tasks)
    simulator = _begun(family, part, tasks)
    stored = part.observations[tasks, 0], part.next_observations[tasks, 0]
    times, worst = part.timesteps[tasks, 0], 0.0
    following = iter(np.moveaxis(actions, 1, 0))
    for step in rollout(simulator, lambda _: next(following), min(steps, actions.shape[1])):
        where, slots = np.nonzero(times == step.time)
        for kept, replayed in zip(stored, (step.observations, simulator.observe()), strict=True):
            difference = np.abs(kept[where, slots] - replayed[where].astype(np.float32))
            worst = float(difference.max(initial=worst))
    return worst


def guided_deviations(
    family: MujocoFamily, part: Demonstrations, tasks: IntArray
) -> dict[str, FloatArray]:
    """Replay the first demonstration of some tasks from one stored observation to the next.

    At each stored observation the simulation is put into the state that it shows, so that the
    differences between two versions of MuJoCo cannot grow beyond the next one. A stretch is as long
    as the file stores no observation: a control step, or up to ``subsample`` of them.

    Args:
        family: the family. Its observations begin with those of its body.
        part: a split of its dataset.
        tasks: task indices (n,).

    Returns:
        For each of :data:`BOUNDS`, how far each stored observation lies from the end of the stretch
        that leads to it, (n, 2 T): before and after each of the T transitions.

    Raises:
        InputError, SimulationError: the simulator cannot take the states or the actions.
    """
    actions, times = _actions(part, tasks), part.timesteps[tasks, 0]
    simulator = _begun(family, part, tasks)
    apart = np.zeros((len(BOUNDS), len(tasks), 2 * times.shape[1]))

    def compare(stored: Float32Array, time: int, *, after: bool) -> None:
        rows, slots = np.nonzero(times == time)
        if not len(rows):
            return
        kept = stored[rows, slots]
        apart[:, rows, 2 * slots + after] = _deviations(family, kept, simulator.observe()[rows])
        state = simulator.state()
        state[rows] = _shown_state(family, state[rows], kept)
        simulator.set_state(state)

    for time in range(actions.shape[1]):
        compare(part.observations[tasks, 0], time, after=False)
        simulator.step(actions[:, time])
        compare(part.next_observations[tasks, 0], time, after=True)
    return dict(zip(BOUNDS, apart, strict=True))


def outside(name: str, apart: FloatArray) -> tuple[bool, str]:
    """Whether deviations (n, 2 T) of a kind exceed its :data:`BOUNDS`, and the numbers."""
    bound, total = BOUNDS[name], apart.sum(axis=1)
    found = Bound(float(apart.max()), float(total.max()), float(np.quantile(total, MOST_EPISODES)))
    detail = (
        f"{name} {found.stretch:.2g} in a stretch (at most {bound.stretch:g}), {found.episode:.2g} "
        f"in a demonstration ({bound.episode:g}), {found.most:.2g} in nine of ten ({bound.most:g})"
    )
    return any(one > most for one, most in zip(found, bound, strict=True)), detail


def _begun(family: Family, part: Demonstrations, tasks: IntArray) -> BatchSimulator:
    simulator = family.make_simulator(len(tasks))
    simulator.set_tasks(part.task_parameters[tasks])
    simulator.reset(part.initial_states[tasks, 0])
    return simulator


def _actions(part: Demonstrations, tasks: IntArray) -> Float32Array:
    """Every action of each task's first demonstration, (n, steps, action_size)."""
    return part.actions[tasks, 0] if part.replay_actions is None else part.replay_actions[tasks]


def _deviations(family: MujocoFamily, kept: Float32Array, replayed: FloatArray) -> FloatArray:
    """Largest deviations of observations (n, observation_size) of each kind, (2, n)."""
    body, apart = family.body, np.abs(kept - replayed)
    moving = np.zeros(apart.shape[1], bool)
    moving[body.positions - body.hidden_positions : body.observed] = True
    return np.stack([apart[:, ~moving].max(axis=1), apart[:, moving].max(axis=1)])


def _shown_state(family: MujocoFamily, state: FloatArray, observations: Float32Array) -> FloatArray:
    """States (n, nq + nv) with all that observations show of them.

    Hidden positions stay: nothing depends on them. So do velocities that are beyond the limit of
    what is observed, both in the state and in the observation.
    """
    body = family.body
    observed = observations[:, : body.observed].astype(np.float64)
    known = state[:, body.hidden_positions :]
    clip = body.velocity_clip
    beyond = (np.abs(observed) >= clip) & (np.sign(observed) * known >= clip)
    beyond[:, : body.positions - body.hidden_positions] = False
    shown = np.where(beyond, known, observed)
    return np.concatenate((state[:, : body.hidden_positions], shown), axis=1)
