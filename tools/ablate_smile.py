"""What one setting of SMILe does: short trainings, scored on meta-validation tasks.

Each ``--set`` is a training of its own: changes of the preset as JSON, names with a dot for the
settings of SAC and encoder, ``{}`` for the preset itself. Where several members act together, one
is trained. Fewer iterations do not shorten ``imitation_iterations``.
Meta-test is never looked at.

    python tools/ablate_smile.py SmileAntGoal-v0 --iterations 25 \\
        --set '{}' --set '{"imitation": 0}' --set '{"sac.discount": 0.99}'
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import Any

import torch

from smile_bench.access import Access
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.presets import PRESETS, preset
from smile_bench.baselines.smile.training import SMILe


def changed(config: SMILeConfig, changes: dict[str, Any]) -> SMILeConfig:
    """The settings with some changed; lists become tuples."""
    for name, value in changes.items():
        given: Any = tuple(value) if isinstance(value, list) else value
        if "." in name:
            part, field = name.split(".")
            nested = replace(getattr(config, part), **{field: given})
            edit: dict[str, Any] = {part: nested}
        else:
            edit = {name: given}
        config = replace(config, **edit)
    return config


def main() -> None:
    """Train once for every set of changes and print a Markdown row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family")
    parser.add_argument("--agent", default="smile", choices=PRESETS)
    parser.add_argument("--iterations", type=int, help="of each training; the preset's by default")
    parser.add_argument("--every", type=int, default=25, help="iterations between two scores")
    parser.add_argument("--episodes", type=int, default=8, help="per validation task and score")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", type=json.loads, default=[], dest="changes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for changes in arguments.changes or [{}]:
        config = preset(arguments.agent, arguments.family, arguments.seed)
        config = replace(config, iterations=arguments.iterations or config.iterations)
        config = replace(changed(config, changes), validate_every=0)
        access = Access(arguments.family, state_only=config.state_only)
        training, began = SMILe(config, access), time.process_time()
        scores = []
        while training.iteration < training.iterations:
            training.step()
            if training.iteration % arguments.every == 0:
                metrics = access.validate(training.agent({}), episodes=arguments.episodes)
                numbers = ", ".join(f"{value:.3f}" for value in metrics.values())
                scores.append(f"{training.iteration}: {numbers}")
        seconds = time.process_time() - began
        print(f"| `{json.dumps(changes)}` | {' ; '.join(scores)} | {seconds:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
