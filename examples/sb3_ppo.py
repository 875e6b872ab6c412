"""PPO of stable-baselines3 with a context in the observation.

    pip install 'smile-bench[baselines,sb3]'
    python examples/sb3_ppo.py --family SmileAntGoal-v0

The learner sees the reward of the meta-train tasks (track ``rewards``), and the place where a
demonstration ends beside each observation.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from smile_bench.access import Access, recipe_of
from smile_bench.agents import require_family
from smile_bench.batches import Context
from smile_bench.leaderboard import add_result
from smile_bench.wrappers import VectorContextObservation
from smile_bench.wrappers.sb3 import SB3VecEnv


def embed(context: Context) -> np.ndarray:
    """The last state of the demonstrations, (O,)."""
    return context.next_observations[:, -1].mean(0)


class Agent:
    """Acts by the model's mean."""

    name, uses_torch, state_only = "sb3-ppo", True, True

    def __init__(self, model: PPO, normalise: VecNormalize, family: str, recipe: dict) -> None:
        self.model, self.normalise, self.family, self.recipe = model, normalise, family, recipe

    def adapt(self, contexts: list[Context]) -> AgentPolicy:
        require_family(contexts, self.family)
        return AgentPolicy(self, np.stack([embed(context) for context in contexts]))


class AgentPolicy:
    def __init__(self, agent: Agent, embeddings: np.ndarray) -> None:
        self.agent, self.embeddings = agent, embeddings

    def act(self, observations: np.ndarray) -> np.ndarray:
        inputs = np.concatenate((observations, self.embeddings), 1)
        inputs = self.agent.normalise.normalize_obs(inputs)
        return self.agent.model.predict(inputs, deterministic=True)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="SmileAntGoal-v0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--entry", type=Path, default=Path("entries/sb3-ppo"))
    arguments = parser.parse_args()
    access = Access(arguments.family, track="rewards", state_only=True)
    wrapped = VectorContextObservation(
        access.vector_env(autoreset_mode="SameStep"), access.demonstrations(), embed=embed
    )
    env = VecNormalize(VecMonitor(SB3VecEnv(wrapped)), gamma=0.97)
    began = time.perf_counter()
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=512, gamma=0.97, seed=arguments.seed)
    model.learn(arguments.steps)
    env.training = False
    recipe = recipe_of(
        access, seed=arguments.seed, began=began, settings={"steps": arguments.steps}
    )
    agent = Agent(model, env, arguments.family, recipe)
    print(f"meta-validation {access.validate(agent)}, {recipe['seconds']:.0f} s")
    print(
        add_result(
            agent,
            arguments.family,
            arguments.entry,
            title="PPO of stable-baselines3 (example)",
            authors=["A. Author"],
        )
    )


if __name__ == "__main__":
    main()
