# %% [markdown]
"""# From maximum entropy to SMILe

This tutorial does inverse reinforcement learning in a world so small that every quantity is known:
an 8 × 8 grid whose moves slip. The reward of a cell is a hidden weight that depends on the kind of
the cell. You see a few demonstrations and ask what they say about the reward. Four methods answer,
each building on the one before:

1. *Feature matching* looks for a policy that visits what the expert visits. Many rewards allow it.
2. *Maximum entropy* picks one reward: the one under which the demonstrations are likeliest.
3. *A GAN* finds the same reward by telling demonstrations from the policy's own trajectories.
4. *SMILe* learns across tasks to infer the reward from a context in one forward pass.

Run it from anywhere with `python docs/tutorials/from_maxent_to_smile.py OUTPUT_FOLDER`. It needs
`pip install "smile-bench[irl,docs]"`. It writes two pictures and prints the numbers.
"""

# %%
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import smile_bench
from smile_bench import load_agent, load_dataset
from smile_bench.arrays import FloatArray
from smile_bench.baselines.tabular_irl.contexts import read_contexts, require_grid
from smile_bench.baselines.tabular_irl.max_margin import match_features
from smile_bench.baselines.tabular_irl.maxent import MaxEntIRL
from smile_bench.baselines.tabular_irl.sampled import GanIRL
from smile_bench.baselines.tabular_irl.smile import TabularSmile
from smile_bench.envs.grid.planning import hard_values, soft_values, visitation

FAMILY = require_grid("SmileGridGoal-v0")
TASK, SHOTS = 3, 8


# %% [markdown]
"""## The task and its demonstrations

The expert follows the soft-optimal policy of the true weights, π_t(a | s) = exp(Q_t(s, a) −
V_t(s)), computed backwards from the horizon. Its visitation can be computed exactly, too. So we can
compare what eight demonstrations show with what infinitely many would show.
"""

# %%
context = load_dataset(FAMILY).test.context(TASK, list(range(SHOTS)))
decoded = read_contexts([context], FAMILY)
slip, truth = FAMILY.table("test")[TASK, 0], FAMILY.table("test")[TASK, 1:]
true_mdp = FAMILY.mdp(np.array([slip]))
true_rewards = FAMILY.rewards(truth[None])
expert = soft_values(true_mdp, true_rewards, FAMILY.horizon).policy
expected = visitation(true_mdp, expert, decoded.start).sum(axis=(1, 3)) @ FAMILY.features

print(f"true slip {slip:.3f}, estimated from the context {decoded.slips[0]:.3f}")
print("steps in cells of kind   ", "  ".join(f"{kind:>5}" for kind in FAMILY.kinds))
print("  eight demonstrations   ", "  ".join(f"{x:5.2f}" for x in decoded.counts[0]))
print("  the expert, exactly    ", "  ".join(f"{x:5.2f}" for x in expected[0]))

# %% [markdown]
"""## Feature matching

Find weights by which the expert beats every policy found so far. Add the best policy for those
weights. Repeat. The margin shrinks to the distance between the demonstrations' feature expectations
and the nearest ones that a mixture of policies can have.

The result is the *mixture* of policies, not the weights: once the match is good, μ_E − μ̄ is almost
zero and its direction means nothing.
"""

# %%
matching = match_features(
    decoded.mdp,
    FAMILY.features,
    decoded.counts[0],
    decoded.start,
    FAMILY.horizon,
    tolerance=0.02,
    warn=False,
)
first, last = matching.margins[0], matching.margins[-1]
print(f"feature matching: {len(matching.margins)} policies, margin {first:.3f} → {last:.3f}")

# %% [markdown]
"""## Maximum entropy

Suppose that trajectories have probability p(τ) exp(Σ r) / Z, and take the reward under which the
demonstrations are likeliest. The gradient is again a difference of feature expectations: the
demonstrations' minus those of the *soft-optimal* policy. It vanishes at one point only.

Where moves slip, the notes' messages mistake luck for skill. The causal form does not.
"""

# %%
_, maxent = MaxEntIRL(FAMILY.id).infer([context])
_, causal = MaxEntIRL(FAMILY.id, causal=True).infer([context])
policy = soft_values(decoded.mdp, FAMILY.rewards(causal), FAMILY.horizon).policy
made = visitation(decoded.mdp, policy, decoded.start).sum(axis=(1, 3)) @ FAMILY.features
residual = float(np.abs(made - decoded.counts).max())
print(f"causal MaxEnt: feature expectations within {residual:.3f} (not 0 because of the prior)")

# %% [markdown]
"""## The same reward from a GAN

Train a discriminator of the form D = exp(r)/Z / (Π π + exp(r)/Z) to tell demonstrations from the
policy's trajectories. Once the policy has caught up, D is ½ and its gradient is half of MaxEnt's.
So the game and the likelihood have the same optimum, and the game needs only samples.
"""

# %%
_, adversarial, _ = GanIRL(FAMILY.id).infer([context])

# %% [markdown]
"""## SMILe: the reward as a function of the context

The methods so far start from scratch for each task. SMILe instead trains an encoder of contexts
across meta-train tasks, together with a discriminator conditioned on the task embedding. A new task
then costs one forward pass. Here states are one-hot and the policy is exact, so the part of SMILe
that remains is the amortised reward.
"""

# %%
smile = load_agent("tabular-smile", FAMILY.id)
assert isinstance(smile, TabularSmile)
_, by_cell = smile.infer([context])

# %% [markdown]
"""## True and recovered rewards

Adding a constant to the reward of every cell changes no policy, so the comparison ignores the mean:
the table shows the correlation over the free cells. Where the expert avoids a kind of cell, the
demonstrations show that it is bad, but hardly how bad.
"""

# %%
recovered = {
    "true": true_rewards[0, :, 0],
    "feature matching": FAMILY.rewards(matching.weights[None])[0, :, 0],
    "MaxEnt": FAMILY.rewards(maxent)[0, :, 0],
    "causal MaxEnt": FAMILY.rewards(causal)[0, :, 0],
    "GAN": FAMILY.rewards(adversarial)[0, :, 0],
    "SMILe": by_cell[0],
}
even = FAMILY.start[None]


def true_return(rewards: FloatArray) -> float:
    """Expected return, in the true task, of the policy that is optimal for rewards (S,)."""
    planned = hard_values(decoded.mdp, rewards[None, :, None], FAMILY.horizon).policy
    visits = visitation(true_mdp, planned, even)[0].sum(axis=(0, 2))
    return float(visits @ recovered["true"])


print(f"{'reward':18}{'correlation':>12}{'true return':>12}")
for name, rewards in recovered.items():
    alike = np.corrcoef(rewards[FAMILY.free], recovered["true"][FAMILY.free])[0, 1]
    print(f"{name:18}{alike:12.3f}{true_return(rewards):12.2f}")


# %%
def plot_rewards(path: Path) -> None:
    """Draw every reward as a map of the grid."""
    figure = Figure(figsize=(11.0, 2.3), layout="constrained")
    walls = np.ones(FAMILY.cells, np.bool_)
    walls[FAMILY.free] = False
    for axis, (name, rewards) in zip(
        figure.subplots(1, len(recovered)), recovered.items(), strict=True
    ):
        shown = rewards - rewards[FAMILY.free].mean()
        limit = np.abs(shown[FAMILY.free]).max()
        shown = np.where(walls, np.nan, shown).reshape(8, 8)
        axis.imshow(shown, cmap="RdYlGn", vmin=-limit, vmax=limit)
        axis.set_title(name, fontsize=9)
        axis.set_facecolor("0.3")
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(path, dpi=110, metadata={"Software": None})


def plot_margins(path: Path) -> None:
    """The margin of feature matching after each policy."""
    figure = Figure(figsize=(5.0, 2.4), layout="constrained")
    axis = figure.subplots()
    axis.semilogy(np.arange(1, len(matching.margins) + 1), matching.margins, "o-", markersize=3)
    axis.set_xlabel("policies found")
    axis.set_ylabel("margin")
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110, metadata={"Software": None})


folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("from_maxent_to_smile")
folder.mkdir(parents=True, exist_ok=True)
plot_rewards(folder / "rewards.png")
plot_margins(folder / "margins.png")
print(f"smile-bench {smile_bench.__version__}: pictures written to {folder}")
