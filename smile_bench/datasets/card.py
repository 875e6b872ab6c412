"""Dataset cards: what a file holds and how it came about, from its own metadata."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from smile_bench.datasets.dataset import Dataset
from smile_bench.datasets.variants import EXPERT, HALF, NOISY, Calibration
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
    HALF: "demonstrations of half an expert",
}


def write_card(dataset: Dataset, path: Path, *, size: int | None = None) -> None:
    """Write a card as Markdown, and its plot beside it as PNG.

    Args:
        dataset: what to describe.
        path: the ``.md`` file; the plot takes its name with ``.png``.
        size: bytes of the dataset's file, to state them.

    Raises:
        DatasetError: Matplotlib is not installed.
    """
    plot = path.with_suffix(".png")
    write_atomically(plot, _plot(dataset))
    write_atomically(path, card_text(dataset, plot.name, size))


def card_text(dataset: Dataset, plot: str, size: int | None) -> str:
    """The card's Markdown, which shows the picture ``plot``."""
    family, attributes = get_family(dataset.family), dataset.attributes
    recipe, expert = attributes["recipe"], load_expert(dataset.family).recipe
    versions = ", ".join(f"{name} {version}" for name, version in attributes["versions"].items())
    length = dataset.train.observations.shape[2]
    megabytes = "" if size is None else f", {size / 1e6:.1f} MB"
    lines = [
        f"# {family.title}: {TITLES[dataset.variant]}",
        "",
        f"`{_load_command(dataset)}`: {_who(family, dataset)} "
        f"{recipe['demonstrations']} demonstrations a task, {length} "
        f"transitions each ({_kept(recipe['subsample'])}){megabytes}.",
        "",
        f"![{family.metric.name} of every task]({plot})",
        "",
        *_table(family, dataset),
        "",
        "| | |",
        "|---|---|",
        f"| arrays | SHA-256 `{dataset.digest()}` |",
        f"| built by | `{_build_command(family, recipe)}` |",
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


def _who(family: Family, dataset: Dataset) -> str:
    """Sentences that say whose demonstrations these are."""
    expert = f"an expert that was told the task, to {family.summary}"
    if dataset.variant == NOISY:
        return f"{expert}, under action noise of scale {dataset.attributes['recipe']['noise']:g}."
    if dataset.variant == HALF:
        found = Calibration.of(dataset)
        return (
            f"half {expert}: at a rate of {found.rate:g} a control step's action is the "
            f"task-blind expert's. On {found.episodes} episodes of meta-train tasks this scores "
            f"{found.score:.3f}, with {found.metric} {found.reached:.4g} between "
            f"{found.expert:.4g} (1, the expert) and {found.blind:.4g} (0, the task-blind expert)."
        )
    return f"{expert}."


def _build_command(family: Family, recipe: dict[str, Any]) -> str:
    command = (
        f"smile-bench datasets build {family.id} --demos {recipe['demonstrations']} "
        f"--subsample {recipe['subsample']} --seed {recipe['seed']}"
    )
    variant, noise = recipe.get("variant", EXPERT), recipe.get("noise")
    if variant != EXPERT:
        command += f" --variant {variant}"
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
    """Every demonstration's primary metric over the tasks, as PNG."""
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
