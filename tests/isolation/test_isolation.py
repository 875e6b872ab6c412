from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import smile_bench
from smile_bench.agents import Agent, import_agent
from smile_bench.cli.main import main
from smile_bench.datasets import load_dataset
from smile_bench.errors import AgentError, InputError, UnknownNameError
from smile_bench.isolation import IsolatedAgent, isolated_agent, parent
from smile_bench.protocol import evaluate

GRID, ANT = "SmileGridGoal-v0", "SmileAntGoal-v0"

MODULE = '''
import os
import signal
import sys
import time

import numpy as np

BEFORE = [name for name in sys.modules if name == "mujoco" or "simulator" in name]


class Still:
    recipe = {"seed": 3, "nested": {"lr": 0.1}}
    weights_sha256 = "0" * 64

    def __init__(self, step=None, at=1):
        self.step, self.at, self.time = step, at, 0

    def adapt(self, contexts):
        self.time = 0
        return self

    def act(self, observations):
        if self.step and self.time == self.at:
            return self.step(observations)
        self.time += 1
        return np.zeros(len(observations), int)


def make(family):
    return Still()


def refuse(family):
    raise ValueError("no weights")


def leave(family):
    return Still(lambda observations: sys.exit(0))


def leave_at_once(family):
    sys.exit(0)


def die(family):
    return Still(lambda observations: os._exit(3))


def crash(family):
    return Still(lambda observations: os.kill(os.getpid(), signal.SIGSEGV))


def hang(family):
    return Still(lambda observations: time.sleep(60), at=0)


def hang_at_once(family):
    time.sleep(60)


def _pipe(content):
    def write(observations):
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, content)
            except OSError:
                pass
        return np.zeros(len(observations), int)

    return write


def garbage(family):
    return Still(_pipe(b"\\x00\\xffgarbage\\n"))


def other_json(family):
    return Still(_pipe(b'{"call": 1}\\n'))


def flood(family):
    write = _pipe(b"a" * 40000)
    return Still(lambda observations: (write(observations), time.sleep(60)))


def fork(family):
    def leave(observations):
        if os.fork() == 0:
            time.sleep(60)
        os._exit(4)

    return Still(leave)


def fail(family):
    return Still(lambda observations: {}["gone"])


def far(family):
    return Still(lambda observations: np.full(len(observations), 9))


def lost(family):
    return Still(lambda observations: np.full(len(observations), np.nan))


class Chatty(Still):
    def adapt(self, contexts):
        print("adapting", sys.stdin.read())
        os.write(1, b"straight to the descriptor\\n")
        return super().adapt(contexts)


class Spy(Still):
    """Looks for anything of the suite's that it should not reach."""

    def act(self, observations):
        import gc

        frame, names = sys._getframe(), []
        while frame:
            names.append(frame.f_code.co_filename)
            frame = frame.f_back
        kinds = {type(one).__name__ for one in gc.get_objects()}
        assert not kinds & {"GridSimulator", "MetaTest", "Recorder", "Actor", "Dataset"}, kinds
        assert not any("protocol" in name or "rollout" in name for name in names), names
        assert not BEFORE, BEFORE
        assert len(sys.argv) == 1, sys.argv
        return super().act(observations)


class Patcher(Still):
    def adapt(self, contexts):
        import smile_bench.protocol.evaluation as evaluation
        from smile_bench.envs.grid.simulator import GridSimulator

        GridSimulator.step = None
        evaluation.normalised_scores = None
        return super().adapt(contexts)


class StateOnly(Still):
    state_only = True

    def adapt(self, contexts):
        assert all(context.actions is None for context in contexts)
        return self


class Sees(Still):
    def adapt_to_tasks(self, parameters, mismatched_tasks):
        return self


class NoPolicy:
    def adapt(self, contexts):
        return None


class Copies:
    """Remembers its contexts and changes what it was given."""

    def adapt(self, contexts):
        policy = Copies()
        policy.contexts = [(c.observations.sum(), c.actions.copy(), c) for c in contexts]
        return policy

    def act(self, observations):
        observations[:] = 0.0
        for total, actions, context in self.contexts:
            assert context.observations.sum() == total
            assert np.array_equal(context.actions, actions)
        return np.array([a[0, 0].argmax() for _, a, _ in self.contexts])


chatty, spy, patcher, state_only, sees, no_policy, copies = (
    Chatty(), Spy(), Patcher(), StateOnly(), Sees(), NoPolicy(), Copies()
)


def meta_bc(family):
    from smile_bench import load_agent

    return load_agent("meta-bc", family)


def retrieve(family):
    from smile_bench import load_agent

    return load_agent("retrieve-and-play", family)
'''

Start = Callable[..., IsolatedAgent]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    (folder / "isolated_ones.py").write_text(MODULE)
    return folder


@pytest.fixture
def start(place: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    monkeypatch.chdir(place)

    def started(name: str, family: str = GRID, timeout: float = 600.0) -> IsolatedAgent:
        return isolated_agent(f"isolated_ones:{name}", family, timeout=timeout)

    return started


def test_facts_are_those_that_the_agent_states(start: Start) -> None:
    with start("make") as agent:
        assert isinstance(agent, Agent)
        assert (agent.name, agent.state_only, agent.stochastic) == ("Still", False, False)
        assert agent.recipe == {"seed": 3, "nested": {"lr": 0.1}}
        assert agent.weights_sha256 == "0" * 64
        result = evaluate(agent, GRID)
    assert result.agent == "Still"
    assert result.training == {"seed": 3, "nested": {"lr": 0.1}}
    assert "torch" in result.versions or not agent.uses_torch


@pytest.mark.parametrize(
    ("name", "family"), [("meta_bc", GRID), ("retrieve", GRID), ("meta_bc", ANT)]
)
def test_actions_are_those_of_this_process_to_the_last_bit(
    start: Start, name: str, family: str
) -> None:
    if name == "meta_bc":
        pytest.importorskip("torch")
    here = evaluate(import_agent(f"isolated_ones:{name}", family), family)
    with start(name, family) as agent:
        there = evaluate(agent, family)
        assert agent.uses_torch == (name == "meta_bc")
    assert here.evidence is not None
    assert there.evidence is not None
    assert np.array_equal(here.evidence.actions, there.evidence.actions)
    assert (here.agent, here.score, here.weights) == (there.agent, there.score, there.weights)
    assert here.state_only == there.state_only


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leave", r"ones:leave ended its process with exit status 0 when it was asked to act at s"),
        ("die", r"ones:die ended its process with exit status 3 when it was asked to act at step"),
        ("crash", r"ones:crash was ended by the signal SIGSEGV when it was asked to act at step 1"),
        ("fork", r"ones:fork ended its process with exit status 4 when it was asked to act"),
        ("garbage", r"ones:garbage sent '.{0,20}garbage', which is not an answer, when it was ask"),
        ("other_json", r"ones:other_json sent '\{\"call\": 1\}', which is not an answer"),
        ("fail", r"ones:fail failed to act at step 1: KeyError: 'gone' \(isolated_ones.py, line "),
        ("far", r"ones:far failed to act at step 1: act returned \[9.*integers 0 to 4"),
        ("lost", r"ones:lost failed to act at step 1: act returned NaN or infinity at step 1"),
        ("no_policy", r"ones:no_policy failed to adapt: NoPolicy.adapt returned NoneType"),
    ],
)
def test_an_agent_that_fails_is_one_line(start: Start, name: str, message: str) -> None:
    with start(name) as agent, pytest.raises(AgentError, match=message) as caught:
        evaluate(agent, GRID)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leave_at_once", "ended its process with exit status 0 when it was asked to be imported"),
        ("refuse", "ones:refuse failed to be imported: .*ValueError: no weights"),
        ("sees", "sees the task"),
        ("nothing", "failed to be imported: cannot import 'isolated_ones:nothing'"),
    ],
)
def test_an_agent_that_does_not_start_is_one_line(start: Start, name: str, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        start(name)


def test_an_agent_that_hangs_is_stopped(start: Start) -> None:
    message = "ones:hang gave no answer within 0.2 s when it was asked to act at step 0"
    context = load_dataset(GRID).test.context(0, [0])
    observations = np.zeros((1, smile_bench.get_family(GRID).observation_size))
    with start("hang") as agent:
        process, policy = agent._child._process, agent.adapt([context])
        # Only now, so that a busy machine has time to start it.
        agent._child.timeout = 0.2
        with pytest.raises(AgentError, match=message):
            policy.act(observations)
        assert process.poll() is not None
        with pytest.raises(AgentError, match="has ended; start the agent again"):
            evaluate(agent, GRID)


def test_an_endless_line_is_not_read_to_its_end(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "LONGEST_LINE", 10000)
    with start("flood") as agent, pytest.raises(AgentError, match="more than 10000 bytes"):
        evaluate(agent, GRID)


@pytest.mark.parametrize("name", ["spy", "patcher", "chatty", "state_only", "copies"])
def test_an_agent_reaches_nothing_but_its_arrays(
    start: Start, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with start(name) as agent:
        result = evaluate(agent, GRID)
    assert np.isfinite(result.score)
    assert result.state_only == (name == "state_only")
    shown = capfd.readouterr()
    assert shown.out == ""
    assert ("straight to the descriptor" in shown.err) == (name == "chatty")


def test_policies_act_side_by_side_and_are_forgotten(start: Start) -> None:
    context = load_dataset(GRID).test.context(0, [0, 1])
    observations = np.zeros((1, smile_bench.get_family(GRID).observation_size))
    with start("copies") as agent:
        one, two = agent.adapt([context]), agent.adapt([context, context])
        assert one.act(observations).shape == (1, 5)
        assert two.act(np.repeat(observations, 2, axis=0)).shape == (2, 5)
        number = one.number
        del one
        gc.collect()
        assert agent._child.forgotten == [number]
        two.act(np.repeat(observations, 2, axis=0))
        assert agent._child.forgotten == []
        with pytest.raises(AgentError, match="no contexts"):
            agent.adapt([])
        with pytest.raises(AgentError, match=f"contexts of {ANT}"):
            agent.adapt([load_dataset(ANT).test.context(0, [0])])


def test_descriptors_and_processes_do_not_remain(start: Start) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("needs the list of a process's descriptors")

    def opened() -> Counter[str]:
        return Counter(str(one.readlink()) for one in descriptors.iterdir() if one.is_symlink())

    gc.collect()  # What earlier tests left may be closed meanwhile: only more would be wrong.
    before = opened()
    for _ in range(2):
        with start("make") as agent:
            process = agent._child._process
        assert process.poll() is not None
        agent.close()
    assert not opened() - before


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="timeout is a positive number of seconds, got 0"):
        isolated_agent("a:b", GRID, timeout=0)
    with pytest.raises(UnknownNameError):
        isolated_agent("a:b", "SmileNothing-v0")


def test_commands_isolate(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    command = ["evaluate", "--family", GRID, "--isolated", "--agent"]
    assert main([*command, "isolated_ones:make", "--save", "results"]) == 0
    folder = f"results/{GRID}/isolated_ones.make"
    verify = ["verify", folder, "--isolated", "--agent"]
    assert main([*verify, "isolated_ones:make"]) == 0
    assert "ok   actions again" in capsys.readouterr().out
    assert main([*verify, "isolated_ones:leave"]) == 2
    assert "FAIL agent: isolated_ones:leave ended its process" in capsys.readouterr().out
    assert main([*command, "isolated_ones:leave"]) == 2
    assert "exit status 0" in capsys.readouterr().err
    assert main([*command, "isolated_ones:hang_at_once", "--timeout", "0.2"]) == 2
    assert "no answer within 0.2 s when it was asked to be imported" in capsys.readouterr().err
    for without in ([*command, "meta-bc"], ["verify", folder, "--isolated"]):
        assert main(without) == 2
        assert "--isolated is for an agent of your own" in capsys.readouterr().err


def test_a_system_without_nameless_memory_uses_a_temporary_file(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with start("spy") as agent:
        assert np.isfinite(evaluate(agent, GRID).score)


def test_other_systems_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "POSIX", False)
    with pytest.raises(InputError, match="on POSIX systems only; run it in this process"):
        isolated_agent("a:b", GRID)
