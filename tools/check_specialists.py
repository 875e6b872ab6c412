"""Does a walker's expert reach what a policy reaches that is trained on its task alone?

Each task of the test split that is named gets a policy from nothing, trained like the base policy
but on this body and, after that, with the discount of the experts' later turns.

    python tools/check_specialists.py 0 8 16
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import torch

from smile_bench.envs import get_mujoco_family
from smile_bench.experts.policy import load_expert, task_metrics
from smile_bench.experts.training.curricula import WalkOneDynamics
from smile_bench.experts.training.per_task import PerTaskTraining
from smile_bench.experts.training.ppo import PPO
from smile_bench.experts.training.train import BASE_TRAININGS, EXPERT_TRAININGS

FAMILY = "SmileWalkerDynamics-v0"


def main() -> None:
    """Train a policy a task and print its return beside the expert's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", type=int, nargs="+", help="indices in the test split")
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--iterations", type=int, help="by default the base policy's")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    family, expert = get_mujoco_family(FAMILY), load_expert(FAMILY)
    base, later = BASE_TRAININGS[FAMILY](arguments.seed), EXPERT_TRAININGS[FAMILY](arguments.seed)
    assert isinstance(base, PPO)
    assert isinstance(later, PerTaskTraining)
    for task in arguments.tasks:
        curriculum = WalkOneDynamics(split="test", index=task)
        row = family.table("test")[task : task + 1]
        iterations = arguments.iterations or base.iterations
        alone = PPO(replace(base.config, iterations=iterations), curriculum)
        while alone.iteration < alone.iterations:
            alone.step()
        turn = PPO(replace(later.config.later, seed=arguments.seed), curriculum)
        turn.model.load_state_dict(alone.model.state_dict())
        turn.fit_value(later.config.value_rollouts)
        while turn.iteration < turn.iterations:
            log = turn.step()
        returns = [
            task_metrics(family, policy, row, arguments.episodes, arguments.seed).mean()
            for policy in (expert, alone.expert({}), turn.expert({}))
        ]
        steps = [
            rollouts * c.horizon * c.envs
            for rollouts, c in (
                (alone.iterations * alone.config.rollouts, alone.config),
                (later.config.value_rollouts + turn.iterations * turn.config.rollouts, turn.config),
            )
        ]
        print(
            f"test task {task}: expert {returns[0]:.0f}; alone {returns[1]:.0f} after {steps[0]} "
            f"steps, {returns[2]:.0f} after {sum(steps)} ({log['charts/terminations']:.0f} falls)",
            flush=True,
        )


if __name__ == "__main__":
    main()
