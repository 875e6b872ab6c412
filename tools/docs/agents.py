"""The page of an agent, from its declaration, module, settings, weights and results."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType

import smile_bench.baselines
from smile_bench.baselines.registry import AgentSpec, all_agents
from smile_bench.envs import MujocoFamily, all_families
from smile_bench.envs.grid.family import GridFamily
from tools.docs.board import agent_results
from tools.docs.markdown import code, fence, plain_roles, table
from tools.docs.settings import presets, settings_table

__all__ = ["agent_pages", "agents_table"]

LOAD = """\
import smile_bench

agent = smile_bench.load_agent("{name}", "{family}")
"""
LOAD_FINE_TUNER = """\
from smile_bench.baselines import load_fine_tuner

agent = load_fine_tuner("{name}", "{family}")
"""


@cache
def agent_pages() -> dict[str, str | bytes]:
    """Path below ``docs`` to every agent's page."""
    return {f"agents/{spec.name}.md": _page(spec) for spec in all_agents().values()}


def agents_table() -> str:
    """Every agent with its track and one sentence, and a link to its page."""
    rows = []
    for spec in all_agents().values():
        link = f"[`{spec.name}`]({spec.name}.md)"
        rows.append((link, _track(spec), spec.summary, _ready_for(spec)))
    return table(("agent", "track", "what it does", "families"), rows)


def _track(spec: AgentSpec) -> str:
    if spec.fine_tune is not None:
        return "fine-tune"
    if spec.training is None:
        return "not trained"
    return spec.training.track + (", state-only" if spec.training.state_only else "")


def _families(spec: AgentSpec) -> dict[str, str]:
    """Id and title of the families that the agent can be loaded for."""
    found = {}
    for family in all_families().values():
        grid = isinstance(family, GridFamily)
        made = spec.read is None or spec.weights_path(family.id).exists()
        if made and (grid or not spec.grid_only):
            found[family.id] = family.title
    return found


def _ready_for(spec: AgentSpec) -> str:
    """The families that the agent can be loaded for, in a few words."""
    ready, known = set(_families(spec)), all_families()
    bodies = {name for name, family in known.items() if isinstance(family, MujocoFamily)}
    if not ready:
        return "none, train it"
    for words, families in (("all", set(known)), ("all bodies", bodies)):
        if ready == families:
            return words
    return ", ".join(title.lower() for title in _families(spec).values())


def _page(spec: AgentSpec) -> str:
    module = _module(spec)
    about, _, more = plain_roles(inspect.getdoc(module) or "").partition("\n\n")
    parts = [
        f"# {spec.name}\n",
        f"{spec.summary[:1].upper()}{spec.summary[1:]}.\n",
        table(("", ""), _facts(spec, module.__name__)),
        *_use(spec),
    ]
    if more:
        parts += ["## How it works\n", f"{about}\n\n{more}\n"]
    if results := agent_results(spec.name):
        parts += [
            "## Results\n",
            "From its entry on the [leaderboard](../leaderboard.md).\n",
            results,
        ]
    if spec.training is not None:
        parts += [
            "## Settings\n",
            "The defaults of its configuration, and what the presets of families change. "
            f"`smile-bench train --agent {spec.name}` takes any of them as `--set NAME=VALUE`.\n",
            settings_table(spec.training),
        ]
    return "\n".join(parts)


def _facts(spec: AgentSpec, module: str) -> list[tuple[str, str]]:
    links = (f"[{title}](../families/{name}.md)" for name, title in _families(spec).items())
    families = ", ".join(links)
    return [
        ("track", _track(spec)),
        ("ready for", families or "no family: no weights ship, train it"),
        ("module", code(module)),
    ]


def _use(spec: AgentSpec) -> list[str]:
    """How to load, score and train it."""
    parts, commands = [], []
    if families := list(_families(spec)):
        load = LOAD if spec.fine_tune is None else LOAD_FINE_TUNER
        command = "evaluate" if spec.fine_tune is None else "fine-tune"
        parts.append(fence(load.format(name=spec.name, family=families[0]), "python"))
        output = "" if spec.fine_tune is None else " --output results"
        commands.append(f"smile-bench {command} --agent {spec.name} --family {families[0]}{output}")
    if spec.training is not None:
        family = next(iter(presets(spec.training)))
        commands.append(f"smile-bench train --agent {spec.name} --family {family} --seed 0")
    return [*parts, fence("\n".join(commands), "sh")]


def _module(spec: AgentSpec) -> ModuleType:
    """The module that declares an agent."""
    package = smile_bench.baselines
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        if spec in vars(module).get("AGENTS", ()):
            return module
    raise LookupError(f"no module of {package.__name__} declares {spec.name}")
