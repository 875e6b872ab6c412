"""Soft actor-critic with a context in the observation, in one file in the manner of CleanRL.

    python examples/sac_with_context.py --family SmileAntGoal-v0

The learner sees the reward of the meta-train tasks (track ``rewards``) and, beside each
observation, a summary of a demonstration. In a new task it acts from the demonstration alone.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import trange

from smile_bench.access import Access, recipe_of
from smile_bench.agents import require_family
from smile_bench.batches import Context, Normaliser
from smile_bench.leaderboard import add_result
from smile_bench.wrappers import VectorContextObservation

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--family", default="SmileAntGoal-v0")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--steps", type=int, default=200_000, help="control steps in all")
parser.add_argument("--learning-starts", type=int, default=10_000)
parser.add_argument("--updates-per-step", type=int, default=8, help="of all environments together")
parser.add_argument("--batch", type=int, default=256)
parser.add_argument("--rate", type=float, default=3e-4)
parser.add_argument("--discount", type=float, default=0.97)
parser.add_argument("--entropy-weight", type=float, default=0.02)
parser.add_argument("--entry", type=Path, default=Path("entries/sac-with-context"))


def embed(context: Context) -> np.ndarray:
    """Mean and last state of the demonstrations, (2 O,)."""
    states = context.next_observations
    return np.concatenate((states.mean((0, 1)), states[:, -1].mean(0)))


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, outputs)
    )


class Policy(nn.Module):
    """A squashed Gaussian."""

    def __init__(self, inputs: int, actions: int) -> None:
        super().__init__()
        self.network = mlp(inputs, 2 * actions)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.network(inputs).chunk(2, -1)
        normal = torch.distributions.Normal(mean, log_std.clamp(-5, 2).exp())
        raw = normal.rsample()
        # log det of tanh, in its stable form.
        squash = 2 * (np.log(2) - raw - functional.softplus(-2 * raw))
        return torch.tanh(raw), (normal.log_prob(raw) - squash).sum(-1)

    def mean(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.network(inputs).chunk(2, -1)[0])


class Agent:
    """Acts by the policy's mean, with the context's summary in the observation."""

    name, uses_torch, state_only = "sac-with-context", True, True

    def __init__(self, policy: Policy, normaliser: Normaliser, family: str, recipe: dict) -> None:
        self.policy, self.normaliser = policy, normaliser
        self.family, self.recipe = family, recipe

    def adapt(self, contexts: list[Context]) -> AgentPolicy:
        require_family(contexts, self.family)
        return AgentPolicy(self, np.stack([embed(context) for context in contexts]))


class AgentPolicy:
    def __init__(self, agent: Agent, embeddings: np.ndarray) -> None:
        self.agent, self.embeddings = agent, embeddings

    @torch.inference_mode()
    def act(self, observations: np.ndarray) -> np.ndarray:
        inputs = self.agent.normaliser(np.concatenate((observations, self.embeddings), 1))
        return self.agent.policy.mean(torch.from_numpy(inputs)).numpy()


def main() -> None:
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    access = Access(arguments.family, track="rewards", state_only=True)
    demonstrations = access.demonstrations()
    env = VectorContextObservation(
        access.vector_env(autoreset_mode="SameStep"), demonstrations, embed=embed
    )
    observed = demonstrations.next_observations
    summaries = np.concatenate((observed.mean(2), observed[:, :, -1]), -1)
    plain, summary = Normaliser.of(observed), Normaliser.of(summaries)
    normaliser = Normaliser(
        np.concatenate((plain.mean, summary.mean)), np.concatenate((plain.scale, summary.scale))
    )
    number, actions = env.num_envs, env.single_action_space.shape[0]
    inputs = env.single_observation_space.shape[0]
    policy = Policy(inputs, actions)
    critics = [mlp(inputs + actions, 1) for _ in range(2)]
    targets = [mlp(inputs + actions, 1) for _ in range(2)]
    for critic, target in zip(critics, targets, strict=True):
        target.load_state_dict(critic.state_dict())
    policy_adam = torch.optim.Adam(policy.parameters(), arguments.rate)
    critic_adam = torch.optim.Adam([p for c in critics for p in c.parameters()], arguments.rate)
    replay = torch.zeros(arguments.steps + number, 2 * inputs + actions + 1)
    scale, filled, began = 1.0, 0, time.perf_counter()

    states = torch.from_numpy(normaliser(env.reset(seed=arguments.seed)[0]))
    for step in trange(0, arguments.steps, number, desc="train", disable=None):
        random = step < arguments.learning_starts
        with torch.no_grad():
            chosen = torch.rand(number, actions) * 2 - 1 if random else policy(states)[0]
        observations, rewards, _, truncations, info = env.step(chosen.numpy())
        # Episodes end by the clock alone, so values are bootstrapped from the last state, too.
        last = observations.copy()
        for i in np.flatnonzero(truncations):
            last[i] = info["final_obs"][i]
        given = torch.from_numpy(rewards.astype(np.float32))[:, None]
        rows = (states, chosen, given, torch.from_numpy(normaliser(last)))
        replay[filled : filled + number] = torch.cat(rows, 1)
        filled += number
        states = torch.from_numpy(normaliser(observations))
        if random:
            scale = float(replay[:filled, inputs + actions].std()) + 1e-6
            continue
        for update in range(arguments.updates_per_step):
            where = torch.from_numpy(rng.integers(filled, size=arguments.batch))
            s, a, r, later = replay[where].split((inputs, actions, 1, inputs), 1)
            with torch.no_grad():
                next_a, log_prob = policy(later)
                both = torch.cat((later, next_a), 1)
                value = torch.min(*[target(both) for target in targets])
                value = value - arguments.entropy_weight * log_prob[:, None]
                goal = r / scale + arguments.discount * value
            loss = sum((c(torch.cat((s, a), 1)) - goal).square().mean() for c in critics)
            critic_adam.zero_grad()
            loss.backward()
            critic_adam.step()
            if update % 2 == 0:
                new_a, log_prob = policy(s)
                value = torch.min(*[critic(torch.cat((s, new_a), 1)) for critic in critics])
                loss = (arguments.entropy_weight * log_prob[:, None] - value).mean()
                policy_adam.zero_grad()
                loss.backward()
                policy_adam.step()
            for critic, target in zip(critics, targets, strict=True):
                for old, new in zip(target.parameters(), critic.parameters(), strict=True):
                    old.data.lerp_(new.data, 0.005)

    recipe = recipe_of(
        access,
        seed=arguments.seed,
        began=began,
        settings={k: v for k, v in vars(arguments).items() if k not in ("entry", "seed")},
    )
    agent = Agent(policy, normaliser, arguments.family, recipe)
    print(f"meta-validation {access.validate(agent)}, {recipe['seconds']:.0f} s")
    print(
        add_result(
            agent,
            arguments.family,
            arguments.entry,
            title="SAC with a context (example)",
            authors=["A. Author"],
        )
    )


if __name__ == "__main__":
    main()
