"""Behavioural cloning and GAIL of the imitation library, with a context in the observation.

    pip install 'smile-bench[baselines,sb3]'
    pip install --no-deps imitation seals huggingface-sb3 sacred rich datasets huggingface-hub
    python examples/imitation_library.py --algorithm bc
    python examples/imitation_library.py --algorithm gail --steps 300000

The library asks for an older Gymnasium, but these two algorithms run with today's; hence
``--no-deps``. Beside each observation stands the last state of a demonstration of the task.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.wrappers.vector import TransformObservation
from imitation.algorithms.adversarial.gail import GAIL
from imitation.algorithms.bc import BC
from imitation.data.types import Transitions
from imitation.rewards.reward_nets import BasicRewardNet
from imitation.util.networks import RunningNorm
from stable_baselines3 import PPO

from smile_bench.access import Access, recipe_of
from smile_bench.agents import require_family
from smile_bench.batches import Context, Normaliser
from smile_bench.leaderboard import add_result
from smile_bench.wrappers import VectorContextObservation
from smile_bench.wrappers.sb3 import SB3VecEnv


def embed(context: Context) -> np.ndarray:
    """The last state of the demonstrations, (O,)."""
    return context.next_observations[:, -1].mean(0)


def transitions(demonstrations: Context) -> Transitions:
    """All demonstrations, each beside the last state of the next one of its task."""
    last = np.roll(demonstrations.next_observations[:, :, -1:], 1, axis=1)
    shown = np.broadcast_to(last, demonstrations.observations.shape)
    joined = [
        np.concatenate((part, shown), -1).reshape(-1, 2 * part.shape[-1])
        for part in (demonstrations.observations, demonstrations.next_observations)
    ]
    actions = demonstrations.actions.reshape(len(joined[0]), -1)
    nothing = np.array([{}] * len(actions))
    return Transitions(joined[0], actions, nothing, joined[1], np.zeros(len(actions), bool))


class Agent:
    """Acts by a policy of stable-baselines3."""

    uses_torch = True

    def __init__(self, name: str, policy: Any, normaliser: Normaliser, family: str, recipe: dict):
        self.name, self.policy, self.normaliser = name, policy, normaliser
        self.family, self.recipe = family, recipe

    def adapt(self, contexts: list[Context]) -> AgentPolicy:
        require_family(contexts, self.family)
        return AgentPolicy(self, np.stack([embed(context) for context in contexts]))


class AgentPolicy:
    def __init__(self, agent: Agent, embeddings: np.ndarray) -> None:
        self.agent, self.embeddings = agent, embeddings

    def act(self, observations: np.ndarray) -> np.ndarray:
        inputs = self.agent.normaliser(np.concatenate((observations, self.embeddings), 1))
        return self.agent.policy.predict(inputs, deterministic=True)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--algorithm", choices=("bc", "gail"), default="bc")
    parser.add_argument("--family", default="SmileAntGoal-v0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10, help="of behavioural cloning")
    parser.add_argument("--steps", type=int, default=0, help="control steps of GAIL")
    parser.add_argument("--entry", type=Path, default=Path("entries/imitation-library"))
    arguments = parser.parse_args()
    began, gail = time.perf_counter(), arguments.algorithm == "gail"
    access = Access(arguments.family, track="interactive" if gail else "offline")
    demonstrations = access.demonstrations()
    shown = transitions(demonstrations)
    normaliser = Normaliser.of(shown.obs)
    shown = Transitions(
        normaliser(shown.obs), shown.acts, shown.infos, normaliser(shown.next_obs), shown.dones
    )
    # Both learn in these spaces; without steps the environments are not stepped.
    acting = Access(arguments.family) if not gail else access
    env = SB3VecEnv(
        TransformObservation(
            VectorContextObservation(
                acting.vector_env(autoreset_mode="Disabled"), demonstrations, embed=embed
            ),
            normaliser,
        )
    )
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=512, gamma=0.97, seed=arguments.seed)
    cloning = BC(
        observation_space=env.observation_space,
        action_space=env.action_space,
        demonstrations=shown,
        policy=model.policy,
        rng=np.random.default_rng(arguments.seed),
        batch_size=256,
    )
    cloning.train(n_epochs=arguments.epochs, progress_bar=False, log_interval=10**9)
    if gail:
        network = BasicRewardNet(
            env.observation_space, env.action_space, normalize_input_layer=RunningNorm
        )
        trainer = GAIL(
            demonstrations=shown,
            demo_batch_size=1024,
            venv=env,
            gen_algo=model,
            reward_net=network,
            allow_variable_horizon=True,
        )
        trainer.train(arguments.steps)
    settings = {"epochs": arguments.epochs, "steps": arguments.steps}
    recipe = recipe_of(access, seed=arguments.seed, began=began, settings=settings)
    name = f"imitation-{arguments.algorithm}"
    agent = Agent(name, model.policy, normaliser, arguments.family, recipe)
    print(f"meta-validation {access.validate(agent)}, {recipe['seconds']:.0f} s")
    title = f"{arguments.algorithm.upper()} of the imitation library (example)"
    print(add_result(agent, arguments.family, arguments.entry, title=title, authors=["A. Author"]))


if __name__ == "__main__":
    main()
