"""Old names: every one works, warns once and says its new place, or says why it is gone."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
import warnings
from typing import Any

import pytest
from gymnasium.envs.registration import load_env_creator

from smile_bench.baselines import former
from smile_bench.compat import deprecated
from smile_bench.compat.names import GONE, MODULES, NAMES
from tests.helpers import tiny
from tests.helpers.old_names import OLD_NAMES

CALLER = "somebody's script"
LAZY = ("smile_bench",)
"""Packages that import their names when they are first asked for."""
OLD = [(module, name) for module, names in OLD_NAMES.items() for name in names.split()]
REMOVED = {
    # How an agent is trained is part of its declaration.
    ("smile_bench.baselines.agent_training", "TRAININGS"),
    ("smile_bench.baselines.agent_training", "Trainable"),
    ("smile_bench.baselines.presets", "members"),
    ("smile_bench.baselines.tabular_smile", "train_tabular_smile"),
    # A checkpoint takes a whole state_dict.
    ("smile_bench.baselines.checkpoint", "pack_generator"),
    ("smile_bench.baselines.checkpoint", "pack_module"),
    ("smile_bench.baselines.checkpoint", "pack_optimizer"),
    ("smile_bench.baselines.checkpoint", "unpack_generator"),
    ("smile_bench.baselines.checkpoint", "unpack_module"),
    ("smile_bench.baselines.checkpoint", "unpack_optimizer"),
    # Tables that presets replace.
    ("smile_bench.baselines.expert_training", "BASE_TRAININGS"),
    ("smile_bench.baselines.expert_training", "EXPERT_TRAININGS"),
    ("smile_bench.baselines.expert_training", "SHARED_TRAININGS"),
    # Several trainings are one computation.
    ("smile_bench.baselines.discriminator", "classification_loss"),
    ("smile_bench.baselines.discriminator", "gradient_penalty"),
    ("smile_bench.baselines.ensemble", "Ensemble"),
    ("smile_bench.baselines.ensemble", "ensemble"),
    ("smile_bench.baselines.imitator_training", "ImitatorTraining"),
    ("smile_bench.baselines.smile_config", "require_alike"),
    ("smile_bench.baselines.told_training", "ToldTraining"),
    ("smile_bench.baselines.vector_adam", "VectorAdam"),
    ("smile_bench.baselines.vector_adam", "as_vector"),
    # Parts of a training that have other cuts now.
    ("smile_bench.baselines.discriminator", "REWARDS"),
    ("smile_bench.baselines.imitator", "make_networks"),
    ("smile_bench.baselines.outcome", "Outcomes"),
    ("smile_bench.baselines.reward", "DiscriminatorReward"),
}
"""Names without an equal; the comments say why."""


def taken(module: str, name: str) -> tuple[Any, list[warnings.WarningMessage]]:
    """What ``from module import name`` gives in a fresh script, or its error, and the warnings."""
    script, found = compile(f"from {module} import {name}", CALLER, "exec"), dict[str, Any]()
    if module in MODULES:
        sys.modules.pop(module, None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(script, {"__name__": "script"}, found)  # noqa: S102 (our own text)
        except ImportError as error:
            return error, caught
    return found[name], caught


@pytest.mark.parametrize(("module", "name"), OLD, ids=[".".join(old) for old in OLD])
def test_every_old_name_works_or_says_why_not(module: str, name: str) -> None:
    now = importlib.import_module(MODULES.get(module, module))
    found, caught = taken(module, name)
    if (module, name) in REMOVED:
        assert isinstance(found, ImportError)
        assert re.fullmatch(rf"{module}\.{name} was removed: .+\.", str(found))
        assert len(caught) == (module in MODULES)
        return
    place = deprecated.new_place(module, name)
    if module not in MODULES and name in vars(now):
        # It never left, or its old module still uses it.
        assert not caught
        assert place is None or found is pkgutil.resolve_name(place)
        return
    if place is None:
        assert module in LAZY
        assert not caught
        return
    (warning,) = caught
    assert warning.category is DeprecationWarning
    assert (warning.filename, warning.lineno) == (CALLER, 1)
    message = str(warning.message)
    assert message.startswith(f"{module} is now {MODULES[module]}." if module in MODULES else "")
    if module not in MODULES or place != f"{MODULES[module]}:{name}":
        assert place.replace(":", ".").removesuffix(".fget") in message
    expected = pkgutil.resolve_name(place.removesuffix("()"))
    if place.endswith("()"):
        assert found == expected()
    else:
        assert found is expected
    if isinstance(found, type) and found.__module__.startswith("smile_bench."):
        # The place that is named is where it stands, or offers it.
        home, _, called = place.partition(":")
        assert found.__module__ == home or called in importlib.import_module(home).__all__


def test_the_tables_hold_nothing_else() -> None:
    assert set(MODULES) <= set(OLD_NAMES)
    assert not [module for module in MODULES if importlib.util.find_spec(MODULES[module]) is None]
    assert {(module, name) for module in GONE for name in GONE[module]} == REMOVED
    assert {(module, name) for module in NAMES for name in NAMES[module]} <= set(OLD)
    assert not [(m, n) for m, n in REMOVED if n in NAMES.get(m, {})]


def test_a_moved_module_warns_once_and_has_no_other_names() -> None:
    module = "smile_bench.envs.tabular"
    sys.modules.pop(module, None)
    with pytest.warns(
        DeprecationWarning, match=r"envs\.tabular is now smile_bench\.envs\.grid\.pl"
    ):
        found = importlib.import_module(module)
    # Imported again, it is there already.
    assert importlib.import_module(module) is found
    assert {"soft_values", "hard_values"} <= set(found.__all__)
    with pytest.raises(AttributeError, match="no attribute 'softer_values'"):
        _ = found.softer_values
    error, _ = taken(module, "softer_values")
    assert isinstance(error, ImportError)


def test_everything_public_can_be_taken_with_a_star() -> None:
    sys.modules.pop("smile_bench.datasets.specialists", None)
    taken_names: dict[str, Any] = {}
    with pytest.warns(DeprecationWarning, match="datasets.specialists is now"):
        exec("from smile_bench.datasets.specialists import *", taken_names)  # noqa: S102
    assert set(OLD_NAMES["smile_bench.datasets.specialists"].split()) <= set(taken_names)


def test_a_package_that_has_an_old_module_s_name_has_its_names_and_no_others() -> None:
    package = importlib.import_module("smile_bench.envs.grid")
    with pytest.warns(
        DeprecationWarning, match="smile_bench.envs.grid.GridFamily is now"
    ) as caught:
        found = package.GridFamily
    assert len(caught) == 1
    assert found is importlib.import_module("smile_bench.envs.grid.family").GridFamily
    with pytest.raises(AttributeError, match=r"'smile_bench\.envs\.grid' has no attribute 'x'"):
        _ = package.x


def test_entry_point_strings_of_gymnasium_still_work() -> None:
    for old, new in (
        ("smile_bench.envs.env:SmileEnv", "smile_bench.envs.mujoco.env:SmileEnv"),
        ("smile_bench.envs.grid_env:SmileGridEnv", "smile_bench.envs.grid.env:SmileGridEnv"),
    ):
        sys.modules.pop(old.partition(":")[0], None)
        with pytest.warns(DeprecationWarning, match="is now"):
            assert load_env_creator(old) is load_env_creator(new)


def test_the_former_module_of_the_command_still_runs_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smile_bench.cli", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "leaderboard" in done.stdout
    assert done.stderr.count("DeprecationWarning: `python -m smile_bench.cli` is now") == 1


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_smile_bench_loads_neither_pytorch_nor_what_moved() -> None:
    loaded = run("import sys, smile_bench; print(*sys.modules)").split()
    assert "torch" not in loaded
    assert not set(loaded) & set(MODULES)
    assert sum(name.startswith("smile_bench.baselines") for name in loaded) == 0


def test_packages_with_old_names_do_not_load_pytorch() -> None:
    standing = [module for module in {*NAMES, *GONE} if module not in MODULES]
    assert "smile_bench.baselines.smile" in standing
    script = f"""
import importlib, sys
sys.modules["torch"] = None
for name in {standing}:
    module = importlib.import_module(name)
    assert not hasattr(module, "no_such_name")
"""
    run(script)


def test_installing_again_changes_nothing() -> None:
    before = list(sys.meta_path)
    deprecated.install()
    assert sys.meta_path == before
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        importlib.import_module("smile_bench.envs.no_such_module")


def test_smile_members_still_makes_the_training_of_several() -> None:
    made = former.smile_members(tiny.config_for("smile"), 2, tiny.access_for("smile"))
    assert len(made.agent({}).members) == 2
