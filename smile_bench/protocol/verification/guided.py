"""Comparing a result with a guided replay: what another MuJoCo version may change, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from smile_bench.arrays import BoolArray, FloatArray, IntArray
from smile_bench.checks import Check
from smile_bench.envs import Family
from smile_bench.envs.mujoco.family import MujocoFamily
from smile_bench.protocol.meta_test import MetaTest
from smile_bench.protocol.replay import Replay
from smile_bench.protocol.result import Result
from smile_bench.protocol.scores import normalised_scores

__all__ = [
    "BOUNDS",
    "Bound",
    "Layout",
    "body_layout",
    "compare_guided",
    "deviations",
    "travel_excess",
]


class Bound(NamedTuple):
    """How far a recorded state may lie from the replay of the stretch that leads to it."""

    stretch: float
    """In any one stretch of any one episode."""
    episode: float
    """Summed over the stretches of any one episode."""
    most: float
    """Summed over the stretches of an episode, in nine of ten episodes."""


BOUNDS = {
    "positions (m)": Bound(0.3, 0.4, 0.1),
    "angles (rad)": Bound(0.6, 0.8, 0.2),
    "velocities (m/s)": Bound(3.6, 4.0, 1.0),
    "angular velocities (rad/s)": Bound(7.0, 8.0, 2.5),
}
"""About twice the largest deviations between MuJoCo 4.0 and 3.17. ``tools/measure_guided.py``
measures them; docs/protocol.md has the table."""
MOST_EPISODES = 0.9
TRAVEL_SLACK = 0.01
"""How much further, in metres or radians, a coordinate may move between two recorded states than
the largest speed of the replayed stretch allows."""
METRIC_TOLERANCE = 0.05
"""How far an episode's metric may lie from that of the guided replay, as a share of the largest
difference between the references, or of 1 where that difference is smaller."""
FLIPS = 0.01
"""Share of the episodes that may lie further: a metric that counts events flips where a body stands
at the edge of one."""
SCORE_TOLERANCE = 0.005
"""How far the score may lie from that of the guided replay."""


class Layout(NamedTuple):
    """Which numbers of a body's state are what; W = nq + nv."""

    positions: int
    """nq."""
    linear: BoolArray
    """Metres or metres per second, (W,)."""
    quaternion: BoolArray
    """Parts of a quaternion, (W,)."""
    coordinates: IntArray
    """Positions that have a velocity of their own, all but quaternions, (J,)."""
    rates: IntArray
    """The velocity of each of them, as a column of the state, (J,)."""


def body_layout(family: MujocoFamily) -> Layout:
    """The layout of the states of a family's body."""
    import mujoco

    model = family.body.compile()
    nq, width = int(model.nq), int(model.nq + model.nv)
    linear, quaternion = np.zeros(width, bool), np.zeros(width, bool)
    pairs: list[tuple[int, int]] = []
    for joint in range(model.njnt):
        q, v = int(model.jnt_qposadr[joint]), nq + int(model.jnt_dofadr[joint])
        kind = mujoco.mjtJoint(int(model.jnt_type[joint]))
        if kind in (mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_BALL):
            moved = 3 if kind == mujoco.mjtJoint.mjJNT_FREE else 0
            linear[q : q + moved] = linear[v : v + moved] = True
            quaternion[q + moved : q + moved + 4] = True
            pairs += [(q + i, v + i) for i in range(moved)]
        else:
            linear[[q, v]] = kind == mujoco.mjtJoint.mjJNT_SLIDE
            pairs.append((q, v))
    coordinates, rates = np.array(pairs, np.int64).T
    return Layout(nq, linear, quaternion, coordinates, rates)


def deviations(layout: Layout, found: Replay) -> dict[str, FloatArray]:
    """Largest deviation of each recorded state from the replayed one, for each of :data:`BOUNDS`.

    Args:
        layout: of the states.
        found: a guided replay.

    Returns:
        The names of :data:`BOUNDS`, each with (E, C).
    """
    apart = np.abs(found.states - found.evidence.states)
    # A rotation by a small angle moves the parts of a unit quaternion by at most half of it.
    apart[..., layout.quaternion] *= 2.0
    position = np.arange(apart.shape[2]) < layout.positions
    parts = (
        position & layout.linear,
        position & ~layout.linear,
        ~position & layout.linear,
        ~position & ~layout.linear,
    )
    return {
        name: apart[..., part].max(axis=2, initial=0.0)
        for name, part in zip(BOUNDS, parts, strict=True)
    }


def travel_excess(
    layout: Layout, found: Replay, initial_states: FloatArray, seconds: float
) -> FloatArray:
    """How much further coordinates moved between two keyframes than their speed allows, (E, C).

    The speed of a coordinate is the largest of the replayed stretch. What exceeds it times the
    duration is 0 for a body that moves as the simulator moves it, but for rounding and for speeds
    that peak within a control step.

    Args:
        layout: of the states.
        found: a guided replay.
        initial_states: the frozen ones, (E, S).
        seconds: length of a control step.
    """
    states = found.evidence.states.astype(np.float64)
    width = states.shape[2]
    starts = np.concatenate((initial_states[:, None, :width], states[:, :-1]), axis=1)
    durations = seconds * np.diff(found.evidence.steps, prepend=0)
    moved = np.abs(states - starts)[..., layout.coordinates]
    reach = found.peaks[..., layout.rates] * durations[:, None]
    return np.asarray(np.maximum(moved - reach, 0.0).max(axis=2))


def compare_guided(
    family: Family, result: Result, found: Replay, meta_test: MetaTest
) -> Iterator[Check]:
    """Hold a result against its guided replay, for results of another MuJoCo version or machine.

    Every stretch of every episode is checked by itself: its end must be where the simulator comes
    from its recorded beginning, and no coordinate may have moved further than its speed allows.
    Metrics and score must be those of the replayed stretches.

    Args:
        family: the family.
        result: the result.
        found: its guided replay.
        meta_test: the frozen meta-test set.

    Yields:
        One check after another. That they pass does not show that the result is exact.
    """
    if not isinstance(family, MujocoFamily):
        detail = f"{family.id} is not simulated by MuJoCo and must replay to the last bit"
        yield Check("replay", False, detail)
        return
    layout = body_layout(family)
    made = f"made with MuJoCo {result.versions['mujoco']} on {result.hardware['machine']}"
    for name, apart in deviations(layout, found).items():
        yield _within(name, apart, BOUNDS[name], made)
    excess = travel_excess(layout, found, meta_test.initial_states, family.control_seconds)
    detail = f"{_worst(excess)} further than speed allows (at most {TRAVEL_SLACK:g})"
    yield Check("replay: travel", bool(excess.max() <= TRAVEL_SLACK), detail)
    yield from _near_metrics(family, result, found, meta_test)


def _within(name: str, apart: FloatArray, bound: Bound, made: str) -> Check:
    total = apart.sum(axis=1)
    most = float(np.quantile(total, MOST_EPISODES))
    right = bool(apart.max() <= bound.stretch and total.max() <= bound.episode)
    detail = (
        f"{made}; deviations {_worst(apart)} (at most {bound.stretch:g}), "
        f"in one episode {total.max():.2g} (at most {bound.episode:g}), "
        f"in nine of ten {most:.2g} (at most {bound.most:g})"
    )
    return Check(f"replay: {name}", right and most <= bound.most, detail)


def _worst(values: FloatArray) -> str:
    """The largest of values (E, C), and where it is."""
    episode, stretch = np.unravel_index(int(values.argmax()), values.shape)
    return f"{values.max():.2g} in stretch {stretch} of episode {episode}"


def _near_metrics(
    family: Family, result: Result, found: Replay, meta_test: MetaTest
) -> Iterator[Check]:
    for name, values in found.episodes.items():
        gap = np.abs(meta_test.references.expert[name] - meta_test.references.blind[name]).max()
        bound = METRIC_TOLERANCE * max(1.0, float(gap))
        beyond = int((np.abs(result.episodes[name] - values) > bound).sum())
        allowed = int(FLIPS * len(values))
        detail = f"{beyond} episodes further than {bound:.3g} off (at most {allowed})"
        yield Check(f"metric {name}", beyond <= allowed, detail)
    replayed = normalised_scores(family.id, meta_test.tasks, found.episodes, meta_test.references)
    difference = abs(float(np.nanmean(replayed)) - result.score)
    detail = f"differs by {difference:.3g} from the replay's (at most {SCORE_TOLERANCE:g})"
    yield Check("score of the replay", difference <= SCORE_TOLERANCE, detail)
