"""A forked child says that it has no threads, and never waits for those of its parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]

MAKE = """
import copy, os, signal, sys
import gymnasium as gym, numpy as np, smile_bench

envs = gym.make_vec("SmileAntGoal-v0", num_envs=4, tasks=range(4), threads={threads})
envs.reset(seed=0)
actions = np.full((4, 8), 0.3)
envs.step(actions)
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    # The parent's threads still work.
    print("parent", os.waitstatus_to_exitcode(status), envs.step(actions)[1].tolist(), flush=True)
    sys.exit(0)
signal.alarm(300)  # A child that hangs dies.
"""


def run(code: str, threads: int = 2) -> list[str]:
    """Lines that parent and child print; the child runs the code."""
    program = MAKE.format(threads=threads) + code
    # Newer Pythons warn of every fork beside threads.
    options = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    command = [sys.executable, *options, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "call", ["reset(seed=1)", "step(actions)", "reset(options={'tasks': 4*[1]})"]
)
def test_a_child_is_told_what_to_do(call: str) -> None:
    child, parent = run(
        f"try: envs.{call}\nexcept Exception as error: print(type(error).__name__, error)\n"
    )
    assert child.startswith("SimulationError these environments have threads in process")
    assert "copy.deepcopy" in child
    assert parent.startswith("parent 0 [")


@pytest.mark.parametrize(
    "code",
    [
        "del envs; print('dropped')",
        "envs.close(); print('dropped')",
        "qpos = envs.simulator.qpos; del envs; del qpos; print('dropped')",
        "print('dropped')",  # The interpreter drops everything at its end.
    ],
)
def test_a_child_does_not_wait_for_threads_that_it_does_not_have(code: str) -> None:
    child, parent = run(code)
    assert child == "dropped"
    assert parent.startswith("parent 0 [")


def test_a_view_that_outlives_its_environments_is_not_waited_for() -> None:
    code = MAKE.format(threads=2).replace(
        "child = os.fork()",
        "expected = envs.step(actions)[1]; qpos = envs.simulator.qpos; del envs; child = os.fork()",
    )
    code = code.replace(", envs.step(actions)[1].tolist()", "")
    command = [sys.executable, "-c", code + "del qpos; print('dropped')"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.stdout.splitlines() == ["dropped", "parent 0"], done.stderr


def test_a_copy_in_the_child_continues_to_the_same_bits() -> None:
    code = "twin = copy.deepcopy(envs); print('child 0', twin.step(actions)[1].tolist())"
    child, parent = run(code)
    assert child.removeprefix("child") == parent.removeprefix("parent")


def test_one_thread_is_the_childs_own() -> None:
    child, parent = run("print('child 0', envs.step(actions)[1].tolist())", threads=1)
    assert child.removeprefix("child") == parent.removeprefix("parent")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_close_frees_the_threads() -> None:
    code = """
import os, time, gymnasium as gym, numpy as np, smile_bench
count = lambda: len(os.listdir("/proc/self/task"))

def ended(before):
    # The system lists a thread that was joined for a moment more.
    for _ in range(1000):
        if count() <= before:
            break
        time.sleep(0.01)
    return count() - before

before = count()
envs = gym.make_vec("SmileAntGoal-v0", num_envs=8, tasks=range(8), threads=5)
envs.reset(seed=0)
print(count() - before)
positions = envs.simulator.qpos.copy()
envs.close()
print(ended(before), np.array_equal(envs.simulator.qpos, positions))
envs.close()
"""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.stdout.splitlines() == ["4", "0 True"], done.stderr
