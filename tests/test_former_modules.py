"""Old paths of documented modules, as scripts written for earlier versions import them."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from smile_bench.former_modules import FORMER_MODULES


@pytest.mark.parametrize("former", FORMER_MODULES)
def test_a_former_path_gives_the_moved_module(former: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, former, raising=False)
    with pytest.warns(
        DeprecationWarning, match=f"{former} is now {FORMER_MODULES[former]}"
    ) as seen:
        found = importlib.import_module(former)
    assert found is importlib.import_module(FORMER_MODULES[former])
    assert found.__name__ == FORMER_MODULES[former]
    assert found.__spec__ is not None
    assert found.__spec__.name == FORMER_MODULES[former]
    assert len(seen) == 1


def test_the_names_that_were_documented_are_still_there() -> None:
    script = """
from smile_bench.baselines.agent_training import train
from smile_bench.baselines.grid_evidence import read_contexts, require_grid
from smile_bench.baselines.max_margin import match_features
from smile_bench.baselines.maxent_irl import MaxEntIRL
from smile_bench.baselines.sampled_irl import GanIRL
from smile_bench.baselines.tabular_smile import TabularSmile
from smile_bench.envs.tabular import hard_values, soft_values, visitation
"""
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", script], capture_output=True, text=True, check=True
    )
    # The warning points at the line of the script.
    assert run.stderr.count("<string>:") == 7


def test_what_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("smile_bench.envs.no_such_module")
