"""Control steps per second, beside other ways to step the same bodies.

Run with ``pytest tests/benchmarks``. Every test times our vector environment and one rival in
turn, on the same bodies, actions and number of threads, and looks at the median of the paired
ratios, so that other load on the machine weighs on both. The ratio by processor time stands beside
it: load hardly moves it, but it does not see threads that wait for each other. Raw physics starts
each round from the very states our environment is in; the vector environments reset themselves.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv
from mujoco import rollout
from numpy.typing import NDArray

from smile_bench.arrays import FloatArray
from smile_bench.envs import get_mujoco_family
from smile_bench.envs.mujoco.simulator import available_threads
from smile_bench.envs.vector import SmileVectorEnv

FAMILIES = ("SmileHalfCheetahVelocity-v0", "SmileAntGoal-v0", "SmileWalkerDynamics-v0")
SIZES = (32, 256)
ROUNDS = 41
SECONDS = 0.03
"""About what a side of a round takes: long beside the clock, short beside a change of load."""
FEWEST_STEPS = 4
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS.value
Actions = NDArray[np.float32]


class Rival(ABC):
    """Another way to step the bodies of our environment."""

    bar: float
    """Our steps per second over the rival's must reach this."""

    def __init__(self, ours: SmileVectorEnv) -> None:
        self.ours = ours

    def prepare(self, actions: Actions) -> None:  # noqa: B027 (some need nothing)
        """Get ready for a round with actions (T, N, nu), outside the clock."""

    @abstractmethod
    def run(self, actions: Actions) -> None:
        """Take the steps of a round."""

    def processor_seconds(self) -> float:
        """Processor time so far of all that works for it."""
        return time.process_time()

    def close(self) -> None:  # noqa: B027
        """Free processes and threads."""


class RawRollout(Rival):
    """``mujoco.rollout`` one control step a call, states fed back: what a policy needs."""

    bar = 0.9

    def __init__(self, ours: SmileVectorEnv) -> None:
        super().__init__(ours)
        simulator, n = ours.simulator, ours.num_envs
        batch = simulator._pool.memory
        self.models = [batch.models[i] if batch.models else simulator.nominal for i in range(n)]
        threads = min(available_threads(), n)
        self.datas = [mujoco.MjData(simulator.nominal) for _ in range(threads)]
        self.rollout = rollout.Rollout(nthread=threads)
        self.frame_skip = get_mujoco_family(ours.family).body.frame_skip
        self.state = np.empty((n, mujoco.mj_stateSize(simulator.nominal, FULL)))

    def prepare(self, actions: Actions) -> None:
        simulator = self.ours.simulator
        nq = simulator.qpos.shape[1]
        self.state[:, 0] = simulator.time
        self.state[:, 1 : 1 + nq] = simulator.qpos
        self.state[:, 1 + nq :] = simulator.qvel
        self.states = np.empty((len(self.state), self.frame_skip, self.state.shape[1]))

    def run(self, actions: Actions) -> None:
        state = self.state
        for action in actions:
            controls = np.repeat(action[:, None].astype(np.float64), self.frame_skip, axis=1)
            self.rollout.rollout(self.models, self.datas, state, controls, state=self.states)
            state = np.ascontiguousarray(self.states[:, -1])

    def close(self) -> None:
        self.rollout.close()


class OpenLoopRollout(RawRollout):
    """``mujoco.rollout`` of a whole round in one call: no policy could look at a state."""

    # Measured to be known. It meets its threads once a round, not once a control step, and
    # computes no observation, reward or info; what can be acted in is ``RawRollout``.
    bar = 0.8

    def prepare(self, actions: Actions) -> None:
        super().prepare(actions)
        n, steps = len(self.state), len(actions) * self.frame_skip
        self.states = np.empty((n, steps, self.state.shape[1]))
        controls = np.repeat(actions.transpose(1, 0, 2), self.frame_skip, axis=1)
        self.controls: FloatArray = np.ascontiguousarray(controls, np.float64)

    def run(self, actions: Actions) -> None:
        self.rollout.rollout(self.models, self.datas, self.state, self.controls, state=self.states)


class EnvPool(Rival):
    """EnvPool's environment of the same body, spared what ours does not compute."""

    bar = 1.0

    def __init__(self, ours: SmileVectorEnv) -> None:
        super().__init__(ours)
        envpool = pytest.importorskip("envpool", reason="needs the 'bench' dependency group")
        options: dict[str, Any] = {"post_constraint": False}
        self.scale = 1.0
        body = get_mujoco_family(ours.family).body.name
        if body == "half-cheetah":
            name = "HalfCheetah-v5"
        elif body == "walker":
            name = "Walker2d-v5"
            options["terminate_when_unhealthy"] = False
        else:
            name = "Ant-v5"
            options |= {"terminate_when_unhealthy": False, "use_contact_force": False}
            self.scale = 30.0 / 150.0  # The same forces through the unchanged gear.
        self.envs = envpool.make_gymnasium(
            name,
            num_envs=ours.num_envs,
            num_threads=available_threads(),
            max_episode_steps=ours.horizon,
            **options,
        )
        self.envs.reset()

    def run(self, actions: Actions) -> None:
        for action in actions * np.float32(self.scale):
            self.envs.step(action)

    def close(self) -> None:
        self.envs.close()


class Async(Rival):
    """Gymnasium's ``AsyncVectorEnv`` of our scalar environment, a process each."""

    bar = 2.0

    def __init__(self, ours: SmileVectorEnv) -> None:
        super().__init__(ours)
        # Forked from a process without threads, and with the imports done once.
        multiprocessing.set_forkserver_preload(["smile_bench.envs.mujoco.env"])
        family, split = ours.family.id, ours.split

        makers = [
            partial(gym.make, f"smile_bench:{family}", split=split, task=task.index)
            for task in ours.tasks
        ]
        self.envs = AsyncVectorEnv(makers, context="forkserver")
        self.envs.reset(seed=0)

    def run(self, actions: Actions) -> None:
        for action in actions:
            self.envs.step(action)

    def processor_seconds(self) -> float:
        ticks = 0
        for process in self.envs.processes:
            status = Path(f"/proc/{process.pid}/stat")  # Linux; elsewhere nothing tells.
            if not status.exists():
                return float("nan")
            ticks += sum(map(int, status.read_text().rpartition(")")[2].split()[11:13]))
        return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.envs.close()


@pytest.fixture
def rival(request: pytest.FixtureRequest) -> Iterator[Rival]:
    kind, family, num_envs = request.param
    tasks = [i % len(get_mujoco_family(family).table("train")) for i in range(num_envs)]
    ours = cast(SmileVectorEnv, gym.make_vec(family, num_envs=num_envs, tasks=tasks))
    ours.reset(seed=0)
    rival: Rival = kind(ours)
    yield rival
    rival.close()
    ours.close()


@pytest.mark.parametrize(
    "rival",
    [
        pytest.param((kind, family, size), id=f"{kind.__name__}-{family}-{size}")
        for kind in (RawRollout, OpenLoopRollout, EnvPool, Async)
        for family in FAMILIES
        for size in SIZES
    ],
    indirect=True,
)
def test_speed(rival: Rival, benchmark: Any) -> None:
    ours = rival.ours
    n, nu = ours.num_envs, ours.family.action_size
    rng = np.random.default_rng(0)

    def draw(steps: int) -> Actions:
        return rng.uniform(-1.0, 1.0, (steps, n, nu)).astype(np.float32)

    def run_ours(actions: Actions) -> None:
        for action in actions:
            ours.step(action)

    def clock(run: Callable[[Actions], None], actions: Actions) -> tuple[float, float]:
        """Wall-clock seconds, and seconds of processor time."""
        start_cpu, start = rival.processor_seconds(), time.perf_counter()
        run(actions)
        return time.perf_counter() - start, rival.processor_seconds() - start_cpu

    trial = min(clock(run_ours, draw(1))[0] for _ in range(5))
    steps = max(FEWEST_STEPS, round(SECONDS / trial))
    theirs_took, ours_took = [], []

    def before() -> tuple[tuple[Actions], dict[str, Any]]:
        actions = draw(steps)
        rival.prepare(actions)
        theirs_took.append(clock(rival.run, actions))
        return (actions,), {}

    def timed(actions: Actions) -> None:
        ours_took.append(clock(run_ours, actions))

    benchmark.pedantic(timed, setup=before, rounds=ROUNDS, warmup_rounds=1)
    theirs, mine = np.array(theirs_took[1:]), np.array(ours_took[1:])
    pairs = theirs[:, 0] / mine[:, 0]
    ratio = float(np.median(pairs))
    benchmark.extra_info |= {
        "control steps per second": round(n * steps / float(np.median(mine[:, 0]))),
        "times the rival's, median": round(ratio, 3),
        "quartiles": np.quantile(pairs, (0.25, 0.75)).round(3).tolist(),
        "by processor time, all rounds": round(float(theirs[:, 1].sum() / mine[:, 1].sum()), 3),
        "bar": rival.bar,
    }
    assert ratio >= rival.bar, f"{ratio:.2f} times {type(rival).__name__}, not {rival.bar}"
