from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from smile_bench.agents import checked_actions, import_agent, pad_contexts, require_family
from smile_bench.envs import get_family
from smile_bench.errors import AgentError
from tests.helpers import synthetic

FAMILY = synthetic.FAMILY

MODULE = """
class Agent:
    def __init__(self, family=None):
        self.family = family
    def adapt(self, contexts):
        return self
    def act(self, observations):
        return 0
ready = Agent()
def make_agent(family):
    import a_module_beside_it
    return Agent(family)
def make_nothing(family):
    return 3
"""


def test_padding_keeps_every_demonstration_and_says_which_there_are() -> None:
    test = synthetic.demonstrations("test")
    contexts = [test.context(0, [1]), test.context(1, [0, 2, 3])]
    stacked, present = pad_contexts(contexts)
    assert stacked.actions is not None
    assert present.tolist() == [[True, False, False], [True, True, True]]
    np.testing.assert_array_equal(stacked.observations[0, 0], test.observations[0, 1])
    np.testing.assert_array_equal(stacked.actions[1], test.actions[1, [0, 2, 3]])
    assert not stacked.next_observations[0, 1:].any()


def test_contexts_with_and_without_actions_do_not_mix() -> None:
    test = synthetic.demonstrations("test")
    context = test.context(0, [0])
    assert pad_contexts([context.state_only()])[0].actions is None
    with pytest.raises(AgentError, match="all or none"):
        pad_contexts([context, context.state_only()])


def test_another_family_is_named() -> None:
    context = synthetic.demonstrations("test").context(0, [0])
    require_family([context], FAMILY)
    with pytest.raises(AgentError, match=f"made for SmileWalkerDynamics-v0.*{FAMILY}"):
        require_family([context], "SmileWalkerDynamics-v0")


def test_rounding_beyond_the_range_is_clipped_and_more_is_refused() -> None:
    family = get_family(FAMILY)
    actions = checked_actions(family, np.full((2, 8), 1.0 + 5e-7), 2, 0)
    assert actions.dtype == np.float32
    assert actions.max() == 1.0
    with pytest.raises(AgentError, match="must lie in"):
        checked_actions(family, np.full((2, 8), -1.001), 2, 0)


def test_the_error_for_a_torch_tensor_says_what_to_do() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(AgentError, match="numpy"):
        checked_actions(get_family(FAMILY), torch.zeros(2, 8), 2, 0)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "an_agent_of_mine.py").write_text(MODULE)
    (tmp_path / "a_module_beside_it.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    for name in ("an_agent_of_mine", "a_module_beside_it"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "an_agent_of_mine"


def test_agents_come_from_import_paths_of_the_working_directory(module: str) -> None:
    before = list(sys.path)
    assert import_agent(f"{module}:ready", FAMILY).family is None  # type: ignore[attr-defined]
    assert import_agent(f"{module}:Agent", FAMILY).family == FAMILY  # type: ignore[attr-defined]
    made = import_agent(f"{module}:make_agent", FAMILY)
    assert made.family == FAMILY  # type: ignore[attr-defined]
    assert sys.path == before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("an_agent_of_mine", "package.module:make_agent"),
        ("an_agent_of_mine:", "package.module:make_agent"),
        ("an_agent_of_mine:missing", "cannot import.*missing"),
        ("no_such_module:x", "no_such_module"),
        ("an_agent_of_mine:make_nothing", "gives int"),
    ],
)
@pytest.mark.usefixtures("module")
def test_an_import_path_that_gives_no_agent_is_one_clear_error(path: str, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        import_agent(path, FAMILY)
