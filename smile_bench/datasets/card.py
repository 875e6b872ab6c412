"""Dataset cards: what a file holds and how it was made, from its own metadata."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.datasets.calibration import Calibration
from smile_bench.datasets.dataset import Dataset
from smile_bench.datasets.variants import EXPERT, MEDIUM, NOISY
from smile_bench.envs import SPLITS, Family, get_family
from smile_bench.errors import DatasetError
from smile_bench.experts.policy import load_expert
from smile_bench.io.files import write_atomically

__all__ = ["card_text", "write_card"]

CITATION = (
    "Cite smile-bench (`CITATION.cff`) and, for the tasks, Seyed Ghasemipour, Gu and Zemel, "
    "*SMILe: Scalable Meta Inverse Reinforcement Learning through Context-Conditional Policies*, "
    "NeurIPS 2019."
)

TITLES = {
    EXPERT: "demonstrations",
    NOISY: "noisy demonstrations",
    MEDIUM: "medium demonstrations",
}


def write_card(dataset: Dataset, path: Path, *, size: int | None = None) -> None:
    """Write a card as Markdown, and its plot beside it as PNG.

    Args:
        dataset: the dataset.
        path: the ``.md`` file. The plot has the same name with ``.png``.
        size: size of the dataset's file in bytes, if the card is to state it.

    Raises:
        DatasetError: Matplotlib is not installed.
    """
    plot = path.with_suffix(".png")
    write_atomically(plot, _plot(dataset))
    write_atomically(path, card_text(dataset, plot.name, size))


def card_text(dataset: Dataset, plot: str, size: int | None) -> str:
    """The card's Markdown.

    Args:
        dataset: the dataset.
        plot: path of the picture that the card shows.
        size: size of the dataset's file in bytes, if the card is to state it.
    """
    family, attributes = get_family(dataset.family), dataset.attributes
    recipe, expert = attributes["recipe"], load_expert(dataset.family).recipe
    versions = ", ".join(f"{name} {version}" for name, version in attributes["versions"].items())
    length = dataset.train.observations.shape[2]
    megabytes = "" if size is None else f", {size / 1e6:.1f} MB"
    lines = [
        f"# {family.title}: {TITLES[dataset.variant]}",
        "",
        f"`{_load_command(dataset)}` loads {recipe['demonstrations']} demonstrations per task with "
        f"{length} transitions each ({_kept(recipe['subsample'])}){megabytes}. The task is to "
        f"{family.summary}. {_who(dataset)}",
        "",
        f"![{family.metric.name} of every task]({plot})",
        "",
        *_table(family, dataset),
        "",
        "| | |",
        "|---|---|",
        f"| arrays | SHA-256 `{dataset.digest()}` |",
        f"| built by | `{_build_command(dataset)}` |",
        f"| expert | `{attributes['expert']}`, SHA-256 `{attributes['expert_sha256']}` |",
        f"| expert trained by | `{expert['command']}`, {expert['seconds']} s |",
        f"| versions | {versions}, {attributes['machine']} |",
        f"| licence | {attributes['licence']} |",
        "",
        CITATION,
        "",
    ]
    return "\n".join(lines)


def _kept(subsample: int) -> str:
    return "all kept" if subsample == 1 else f"every {subsample}th kept, from a random offset"


def _load_command(dataset: Dataset) -> str:
    path = "" if dataset.variant == EXPERT else ", path"
    return f"smile_bench.load_dataset({dataset.family!r}{path})"


def _who(dataset: Dataset) -> str:
    """Sentences that say who gave the demonstrations."""
    expert = "an expert that sees the task"
    if dataset.variant == NOISY:
        scale = dataset.attributes["recipe"]["noise"]
        return f"They are given by {expert}, with noise of scale {scale:g} on its actions."
    if dataset.variant == MEDIUM:
        found = Calibration.of(dataset)
        return (
            f"They are given by {expert}, but with probability {found.rate:g} the action of a "
            f"control step is the task-blind expert's. On {found.episodes} episodes of meta-train "
            f"tasks this scores {found.score:.3f}: {found.metric} is {found.reached:.4g}, between "
            f"{found.expert:.4g} (score 1, the expert) and {found.blind:.4g} (score 0, the "
            "task-blind expert)."
        )
    return f"They are given by {expert}."


def _build_command(dataset: Dataset) -> str:
    recipe: dict[str, Any] = dataset.attributes["recipe"]
    command = (
        f"smile-bench datasets build {dataset.family} --demos {recipe['demonstrations']} "
        f"--subsample {recipe['subsample']} --seed {recipe['seed']}"
    )
    if dataset.variant != EXPERT:
        command += f" --variant {dataset.variant}"
    noise = recipe.get("noise")
    return command if noise is None else f"{command} --noise {noise:g}"


def _table(family: Family, dataset: Dataset) -> list[str]:
    names = [metric.name for metric in family.metrics]
    arrows = ["↑" if metric.higher_is_better else "↓" for metric in family.metrics]
    head = " | ".join(f"{n} {a}: mean, worst task" for n, a in zip(names, arrows, strict=True))
    lines = [f"| split | tasks | {head} |", "|---|---|" + "---|" * len(names)]
    for split in SPLITS:
        part, cells = dataset.split(split), []
        for metric in family.metrics:
            means = part.metrics[metric.name].mean(axis=1)
            cells.append(f"{means.mean():.4g}, {metric.worst(means):.4g}")
        lines.append(f"| {split} | {part.tasks} | {' | '.join(cells)} |")
    return lines


def _plot(dataset: Dataset) -> bytes:
    """A plot of every demonstration's primary metric over the tasks, as PNG."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise DatasetError(
            "a card's plot needs Matplotlib: `pip install 'smile-bench[docs]'`."
        ) from error
    family = get_family(dataset.family)
    figure = Figure(figsize=(9.0, 2.8), layout="constrained")
    widths = [dataset.split(split).tasks for split in SPLITS]
    axes = figure.subplots(1, len(SPLITS), sharey=True, width_ratios=widths)
    for axis, split in zip(axes, SPLITS, strict=True):
        part = dataset.split(split)
        values = part.metrics[family.metric.name]
        places = np.repeat(np.arange(part.tasks), part.demonstrations)
        axis.plot(places, values.ravel(), ".", color="0.65", markersize=3)
        axis.plot(np.arange(part.tasks), values.mean(axis=1), "o", color="tab:blue", markersize=4)
        axis.set_title(split, fontsize=9)
        axis.set_xlabel("task", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    unit = f" [{family.metric.unit}]" if family.metric.unit else ""
    axes[0].set_ylabel(family.metric.name + unit, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
