"""The page of a family, from its declaration, docstring, dataset, protocol and results."""

from __future__ import annotations

import inspect
import tempfile
from functools import cache
from pathlib import Path

from smile_bench import load_dataset
from smile_bench.datasets.card import write_card
from smile_bench.datasets.loading import data_folder, shipped_families
from smile_bench.envs import SPLITS, Family, all_families
from smile_bench.protocol.meta_test import load_meta_test
from tools.docs.board import family_results
from tools.docs.markdown import code, demoted, fence, plain_roles, table

__all__ = ["families_table", "family_pages"]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
GYMNASIUM = """\
import gymnasium as gym
import smile_bench  # registers the families

env = gym.make("{id}", split="test", task=3)
observation, info = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
"""


RESULTS_NOTE = """\
*Score: mean over the meta-test tasks, and interquartile mean (IQM), as the
[leaderboard](../leaderboard.md) ranks. Then the primary metric: its mean and its value on the worst
task. Last what the training used and its minutes of wall-clock on one core of a shared machine. One
training seed. "Paper" are the published numbers, with other experts and demonstrations.*
"""


FILMS = {
    "SmileAntGoal-v0": "--task 3",
    "SmileHalfCheetahVelocity-v0": "--task 20 --seconds 4",
    "SmileWalkerDynamics-v0": "--task 12 --seconds 4",
    "SmileAntLinearClassification-v0": "--task 2",
}
"""How the films in ``docs/images`` were made, besides the agents."""


@cache
def family_pages() -> dict[str, str | bytes]:
    """Path below ``docs`` to the content of every family's page and plot."""
    pages: dict[str, str | bytes] = {}
    for family in all_families().values():
        card, plot = _card(family)
        pages[f"families/{family.id}.md"] = _page(family, card)
        if plot:
            pages[f"families/{family.id}-demonstrations.png"] = plot
    return pages


def families_table(*, links: bool = True) -> str:
    """Every family with its task, sizes and metric; with links to the pages, or with the id."""
    header = ("family", "task", "observation, action, steps", "tasks", "metric")
    rows = []
    for family in all_families().values():
        sizes = f"{family.observation_size}, {family.action_size}, {family.horizon}"
        arrow = "↑" if family.metric.higher_is_better else "↓"
        metric = f"{family.metric.description} {arrow}"
        name = f"[{family.title}]({family.id}.md)" if links else code(family.id)
        rows.append((name, family.summary, sizes, _task_counts(family), metric))
    return table(header, rows)


def _task_counts(family: Family) -> str:
    return " / ".join(str(len(family.table(split))) for split in SPLITS)


def _page(family: Family, card: str) -> str:
    introduction, _, sections = plain_roles(inspect.getdoc(type(family)) or "").partition("\n\n")
    results = family_results(family.id)
    parts = [
        f"# {family.title}\n",
        f"`{family.id}`: {family.summary}.\n",
        _pictures(family),
        f"{introduction}\n",
        _facts(family),
        fence(GYMNASIUM.format(id=family.id), "python"),
        f"{sections}\n",
    ]
    if card:
        parts += ["## Demonstrations\n", f"{card}\n"]
    if results:
        parts += ["## Results\n", results, RESULTS_NOTE]
    return "\n".join(parts)


def _pictures(family: Family) -> str:
    """Picture and film, as far as there are any, and what they show."""
    pictures = {f"{family.id}.png": family.title, f"{family.id}.gif": f"{family.title}, filmed"}
    shown = [
        f"![{title}](../images/{name})"
        for name, title in pictures.items()
        if (IMAGES / name).exists()
    ]
    text = '<div class="pair" markdown>\n' + "\n".join(shown) + "\n</div>\n" if shown else ""
    if family.id in FILMS:
        command = f"smile-bench render {family.id} {FILMS[family.id]}"
        text += f"\n*The film shows the expert beside Retrieve-and-Play: {code(command)} "
        text += f"{code('--agent expert retrieve-and-play')}.*\n"
    return text


def _facts(family: Family) -> str:
    low, high = min(family.context_sizes), max(family.context_sizes)
    sizes = str(high) if low == high else ", ".join(map(str, family.context_sizes))
    rows = [
        ("observation", f"{family.observation_size} numbers"),
        ("action", code(family.action_space)),
        ("control step", f"{family.control_seconds:g} s") if family.control_seconds else None,
        ("horizon", f"{family.horizon} control steps"),
        ("tasks: train / validation / test", _task_counts(family)),
        ("demonstrations in a context", sizes),
        ("demonstrations of a task", str(family.dataset_recipe.demonstrations)),
        *(_metric_row(family, index) for index in range(len(family.metrics))),
    ]
    protocol = load_meta_test(family)
    name = family.metric.name
    expert = protocol.references.expert[name].mean()
    blind = protocol.references.blind[name].mean()
    rows += [
        ("expert, score 1", f"mean {name} {expert:.4g}"),
        ("task-blind expert, score 0", f"mean {name} {blind:.4g}"),
        ("evaluation", f"{family.evaluation_episodes} episodes of each meta-test task"),
        ("protocol", code(protocol.version)),
    ]
    return table(("", ""), [row for row in rows if row is not None])


def _metric_row(family: Family, index: int) -> tuple[str, str]:
    metric = family.metrics[index]
    unit = f", in {metric.unit}" if metric.unit else ""
    better = "higher" if metric.higher_is_better else "lower"
    what = f"{code(metric.name)}: {metric.description}{unit}; {better} is better"
    return "further metric" if index else "metric", what


def _card(family: Family) -> tuple[str, bytes]:
    """The dataset's card below its heading, and its plot; both empty where no dataset ships."""
    if family.id not in shipped_families():
        return "", b""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{family.id}-demonstrations.md"
        size = (data_folder() / f"{family.id}.h5").stat().st_size
        write_card(load_dataset(family), path, size=size)
        _, _, text = path.read_text(encoding="utf-8").partition("\n\n")
        return demoted(text, 2), path.with_suffix(".png").read_bytes()
