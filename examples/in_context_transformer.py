"""An in-context imitator: the current state attends over the demonstrations' transitions.

    python examples/in_context_transformer.py --family SmileAntGoal-v0
    smile-bench leaderboard check entries/in-context-transformer

Training takes about four minutes on one core. The demonstrations are tokens, one a transition; two
blocks of attention and a feed-forward network read the task from them, and the output is the
action. It is trained by regression on demonstrations outside the context. The result is replayed
and becomes an entry for the leaderboard.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from smile_bench.access import Access, recipe_of
from smile_bench.agents import pad_contexts, require_family
from smile_bench.batches import BatchSettings, Context, ContextQueryBatches, Normaliser
from smile_bench.batches.pytorch import ContextQueryStream
from smile_bench.leaderboard import add_result

TOKENS = 32
"""Transitions of each demonstration that the policy attends to."""


class Block(nn.Module):
    """Queries attend over the context, then a feed-forward network; both with residuals."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, queries: Tensor, context: Tensor, absent: Tensor | None) -> Tensor:
        normed = self.norms[0](queries)
        attended, _ = self.attention(
            normed, context, context, key_padding_mask=absent, need_weights=False
        )
        queries = queries + attended
        return queries + self.feed_forward(self.norms[1](queries))


class Transformer(nn.Module):
    """States (B, Q, O) and a context (B, N, 2 O + A) to actions (B, Q, A) in [-1, 1]."""

    def __init__(self, observed: int, actions: int, width: int = 128, heads: int = 4) -> None:
        super().__init__()
        self.token = nn.Sequential(nn.Linear(2 * observed + actions, width), nn.LayerNorm(width))
        self.state = nn.Linear(observed, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(2))
        self.action = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, actions), nn.Tanh())

    def forward(self, states: Tensor, context: Tensor, absent: Tensor | None = None) -> Tensor:
        tokens, queries = self.token(context), self.state(states)
        for block in self.blocks:
            queries = block(queries, tokens, absent)
        return self.action(queries)


def train(access: Access, updates: int, seed: int, rate: float = 1e-3) -> InContextAgent:
    """Regress the expert's actions in states of demonstrations outside the context."""
    torch.manual_seed(seed)
    family, demonstrations = access.family, access.demonstrations()
    normaliser = Normaliser.of(demonstrations.observations)
    length = demonstrations.observations.shape[2]
    chosen = BatchSettings(
        tasks=16, shots=family.context_sizes, context_timesteps=min(TOKENS, length), queries=64
    )
    batches = ContextQueryBatches(demonstrations, chosen, seed=seed, normaliser=normaliser)
    network = Transformer(family.observation_size, family.action_size)
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    began = time.perf_counter()
    stream = islice(ContextQueryStream(batches), updates)
    for batch in tqdm(stream, desc="train", total=updates, disable=None):
        context = torch.cat(
            (batch.context_observations, batch.context_actions, batch.context_next_observations), -1
        )
        actions = network(batch.observations, context.flatten(1, 2))
        loss = (actions - batch.actions).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    recipe = recipe_of(
        access, seed=seed, began=began, settings={"updates": updates, "learning_rate": rate}
    )
    return InContextAgent(network.eval(), normaliser, family.id, recipe)


class InContextAgent:
    """Acts by a trained network."""

    name, uses_torch = "in-context-transformer", True

    def __init__(self, network: Transformer, normaliser: Normaliser, family: str, recipe: dict):
        self.network, self.normaliser = network, normaliser
        self.family, self.recipe = family, recipe

    def adapt(self, contexts: list[Context]) -> InContextPolicy:
        require_family(contexts, self.family)
        context, present = pad_contexts(contexts)  # (slots, K, T, ...)
        # Evenly spaced transitions of each demonstration.
        length = context.observations.shape[2]
        kept = np.linspace(0, length - 1, min(TOKENS, length)).astype(int)
        parts = (
            self.normaliser(context.observations[:, :, kept]),
            context.actions[:, :, kept],
            self.normaliser(context.next_observations[:, :, kept]),
        )
        tokens = torch.from_numpy(np.concatenate(parts, -1)).flatten(1, 2)
        absent = torch.from_numpy(np.repeat(~present, len(kept), axis=1))
        return InContextPolicy(self, tokens, absent)


class InContextPolicy:
    """One context a slot."""

    def __init__(self, agent: InContextAgent, tokens: Tensor, absent: Tensor) -> None:
        self.agent, self.tokens, self.absent = agent, tokens, absent

    @torch.inference_mode()
    def act(self, observations: np.ndarray) -> np.ndarray:
        states = torch.from_numpy(self.agent.normaliser(observations))[:, None]
        return self.agent.network(states, self.tokens, self.absent)[:, 0].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="SmileAntGoal-v0")
    parser.add_argument("--updates", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--entry", type=Path, default=Path("entries/in-context-transformer"))
    arguments = parser.parse_args()
    access = Access(arguments.family, track="offline")
    agent = train(access, arguments.updates, arguments.seed)
    print(f"meta-validation {access.validate(agent)}, {agent.recipe['seconds']:.0f} s")
    print(
        add_result(
            agent,
            arguments.family,
            arguments.entry,
            title="In-context transformer (example)",
            authors=["A. Author"],
        )
    )


if __name__ == "__main__":
    main()
