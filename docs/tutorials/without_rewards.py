# %% [markdown]
"""# Without rewards: explore, keep skills, then imitate

Nobody shows you anything, and nothing is rewarded. What can you still learn? Enough to imitate a
demonstration that you see later for the first time. This tutorial goes there in four steps, on an
8 × 8 grid where every quantity can be computed:

1. *Quantities:* entropy, mutual information and empowerment say how much there is to reach and to
   control.
2. *Explorers:* a random walk, state-marginal matching, Skew-Fit's goals, a model-error bonus and
   diverse skills visit the grid, each in its own way. Pictures show where they go.
3. *Skills and goals:* what is kept from exploring is a policy for each skill, or for each goal.
4. *Imitation:* a demonstration becomes a goal, a row of goals, or a skill. No demonstration was
   used in training.

The text follows section 6.4 of the CS285 lecture notes. The tools are in
`smile_bench.exploration`. Run it from anywhere with `python docs/tutorials/without_rewards.py
OUTPUT_FOLDER`. It needs `pip install "smile-bench[docs]"`. It takes about 20 seconds, writes
pictures and prints the numbers.
"""

# %%
from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import smile_bench
from smile_bench.access import Access
from smile_bench.agents import Context, require_family
from smile_bench.arrays import FloatArray, IntArray
from smile_bench.baselines.tabular_irl.contexts import require_grid
from smile_bench.envs.grid.mdp import MDP
from smile_bench.exploration.goals import goal_values, relabelled_q_learning
from smile_bench.exploration.model_error import error_floor, expected_error, fit_table
from smile_bench.exploration.quantities import empowerment, entropy
from smile_bench.exploration.skew_fit import weighted_fit, weights
from smile_bench.exploration.skills import alternate
from smile_bench.exploration.state_marginal import match
from smile_bench.exploration.visitation import best_response, episode_visitation, uniform_policy

FAMILY = require_grid("SmileGridGoal-v0")
CELLS, MOVES, HORIZON = FAMILY.cells, FAMILY.action_size, FAMILY.horizon
SLIP, START, TELEVISION = 0.1, 56, (21, 22, 29, 30)
EPISODES, ROUND = 960, 4
"""Episodes that each explorer gets, and how many it makes between two updates."""

# %% [markdown]
"""## A world with a corner and a noisy television

An episode has 20 steps. In the family it begins in any free cell, so a random walk sees
everything at once and there is nothing to explore. Here it begins in the lower left corner,
**S**. A move slips in one case out of ten.

Four cells, **tv**, are a noisy television: there every move is random, whatever you choose. It is
unpredictable, and nothing can be learned from it.
"""

# %%
start = np.eye(CELLS)[[START]]
mixing = np.repeat(FAMILY.mdp(np.array([SLIP])).mixing, CELLS, axis=1)
mixing[:, TELEVISION] = 1.0 / MOVES
world = MDP(FAMILY.moves, mixing)
walls = np.ones(CELLS, np.bool_)
walls[FAMILY.free] = False


def marginal(policy: FloatArray) -> FloatArray:
    """Share of an episode's steps in each cell (S,) under a policy π_t(a | s), (T, S, A)."""
    return np.asarray(episode_visitation(world, policy[None], start)[0].sum(axis=1))


# %% [markdown]
"""## Three quantities

*Entropy* H(s) of the cells that a policy visits: exp H is the number of cells that it visits as if
equally often.

*Mutual information* I(s; z) = H(s) − H(s | z): how much a cell says about z, the skill that led to
it.

*Empowerment* max I(s′; a) over the choice of moves: how much control there is in a cell. In the
open it would be log 5 = 1.61 without slips, because five moves lead to five cells. In a corner
three of the moves stay. On the television empowerment is 0.

The *error floor* is what the best model of the world still gets wrong, Var(s′ | s, a). It is large
where empowerment is small: on the television.

![Empowerment, error floor and a random walk](without_rewards/quantities.png)
"""

# %%
walk = uniform_policy(world, HORIZON)[0]
control = empowerment(world).nats[0]
floor = error_floor(world, np.eye(CELLS))[0].max(axis=1)
broad = float(entropy(marginal(walk)))
print(
    f"a random walk has H = {broad:.2f} nats, as much as {np.exp(broad):.0f} cells visited equally"
)
for where, cell in {"in the open": 35, "in S": START, "on the television": TELEVISION[0]}.items():
    print(f"{where:18} empowerment {control[cell]:.2f}, error floor {floor[cell]:.2f}")

# %% [markdown]
"""## Explorers

Every explorer has 960 episodes. It may plan with the true dynamics, so that what you see is the
objective and not how well it is optimised. The agents on the leaderboard learn that, too.

An explorer is a function from the episodes so far to the policies of the next ones.
"""


# %%
@dataclass(frozen=True)
class Walked:
    """Episodes: cells (N, T + 1) and moves (N, T)."""

    states: IntArray
    actions: IntArray

    @property
    def counts(self) -> FloatArray:
        """How often each cell was visited, (S,)."""
        return np.bincount(self.states.ravel(), minlength=CELLS).astype(np.float64)


Explorer = Callable[[Walked, np.random.Generator], Sequence[FloatArray]]


def step(states: IntArray, actions: IntArray, rng: np.random.Generator) -> IntArray:
    """Sample the next cells (N,)."""
    chances = world.tensor[0, states, actions].cumsum(axis=1)
    return (rng.random((len(states), 1)) > chances).sum(axis=1).clip(max=CELLS - 1)


def follow(policies: Sequence[FloatArray], rng: np.random.Generator) -> Walked:
    """One episode of each policy (T, S, A)."""
    table, own = np.stack(policies), np.arange(len(policies))
    states, actions = [np.full(len(table), START)], []
    for t in range(HORIZON):
        chances = table[own, t, states[-1]].cumsum(axis=1)
        moves = (rng.random((len(table), 1)) > chances).sum(axis=1).clip(max=MOVES - 1)
        actions.append(moves)
        states.append(step(states[-1], moves, rng))
    return Walked(np.stack(states, axis=1), np.stack(actions, axis=1))


def explore(explorer: Explorer, seed: int = 0) -> Walked:
    """All episodes of an explorer; the first round is a random walk."""
    rng = np.random.default_rng(seed)
    so_far = follow([walk] * ROUND, rng)
    while len(so_far.states) < EPISODES:
        more = follow(explorer(so_far, rng), rng)
        so_far = Walked(
            np.concatenate((so_far.states, more.states)),
            np.concatenate((so_far.actions, more.actions)),
        )
    return so_far


def random_walk(so_far: Walked, rng: np.random.Generator) -> Sequence[FloatArray]:
    """Every move is random."""
    return [walk] * ROUND


# %% [markdown]
"""### State-marginal matching

Choose policies whose *mixture* visits every cell equally often: minimise KL(p_π ‖ uniform). The
bonus of a cell is −log p_π(s) of all that was visited so far. One policy alone cannot do it: it
would leave the cells of the one before. Frank and Wolfe's method solves the problem over all
mixtures and certifies how far from the optimum it can be at most.
"""

# %%
even = np.where(walls, 0.0, 1.0 / len(FAMILY.free))[None]
matched = match(world, even, start, HORIZON)
print(f"matching: {len(matched.policies)} policies, KL {matched.divergence:.4f},", end=" ")
print(f"at most {matched.gap:.0e} above the optimum")


def marginal_matching(so_far: Walked, rng: np.random.Generator) -> Sequence[FloatArray]:
    """Policies of the optimal mixture."""
    chances = matched.weights / matched.weights.sum()
    return list(matched.policies[rng.choice(len(chances), size=ROUND, p=chances)])


# %% [markdown]
"""### Goals by Skew-Fit

Propose a cell that you have visited, go there, and walk at random once you are there. If goals
are proposed as often as they were visited (α = 0), the rich get richer. Skew-Fit proposes rare
cells more often: p(g) ∝ n(g)^(1 + α), with α = −1 all visited cells equally. New cells lie around
rare ones.

The way to a goal is that of the values V*(s, g) of all pairs of cells.
"""

# %%
by_goal = np.eye(MOVES)[goal_values(world, 0.95)[0][0].argmax(axis=1)]  # (S, G, A)


def to_goal(goal: int) -> FloatArray:
    """The policy (T, S, A) that goes to a cell and walks at random from there."""
    moves = by_goal[:, goal].copy()
    moves[goal] = 1.0 / MOVES
    return np.asarray(np.tile(moves, (HORIZON, 1, 1)))


def proposed_goals(alpha: float) -> Explorer:
    """Goals among the cells visited so far, skewed by α."""

    def explorer(so_far: Walked, rng: np.random.Generator) -> Sequence[FloatArray]:
        seen = so_far.counts / so_far.counts.sum()
        proposed = weighted_fit(seen, weights(seen, alpha))
        return [to_goal(goal) for goal in rng.choice(CELLS, size=ROUND, p=proposed)]

    return explorer


# %% [markdown]
"""### Model error, and why it watches television

Fit a model of the next cell to all transitions so far. Reward what it gets wrong. Where moves
slip a little, the error soon falls to a little. On the television it never falls, so the explorer
sits down in front of it.

Schmidhuber's remedy rewards what the model can still *gain*: the error less its floor. The
television has nothing to gain.
"""


# %%
def surprised(so_far: Walked, *, gain: bool) -> Sequence[FloatArray]:
    """The policy with the largest model error, or the largest gain, over an episode."""
    one_hot = np.eye(CELLS)
    before, after = so_far.states[:, :-1].ravel(), so_far.states[:, 1:].ravel()
    model = fit_table(before, so_far.actions.ravel(), after, one_hot, MOVES)
    reward = expected_error(world, one_hot, model)
    if gain:
        reward = reward - error_floor(world, one_hot)
    return [best_response(world, reward, start, HORIZON).policy[0]] * ROUND


def model_error(so_far: Walked, rng: np.random.Generator) -> Sequence[FloatArray]:
    """Go where the model errs."""
    return surprised(so_far, gain=False)


def model_gain(so_far: Walked, rng: np.random.Generator) -> Sequence[FloatArray]:
    """Go where the model can improve."""
    return surprised(so_far, gain=True)


# %% [markdown]
"""### Skills

Choose a skill z at random and follow it for an episode. A discriminator guesses z from a cell.
Skills are rewarded for being guessed, log q(z | s) − log p(z), and so go where no other goes.
With the exact posterior as the discriminator the objective is I(s; z), and alternating never
lowers it. It stops in a local optimum, here short of log 8: all skills share the way out of the
corner, and two of them go to the same place.

![Where each of eight skills goes](without_rewards/skills.png)
"""

# %%
SKILLS = 8
rng = np.random.default_rng(1)
first = rng.dirichlet(np.ones(MOVES), (1, SKILLS, HORIZON, CELLS))
prior = np.full(SKILLS, 1.0 / SKILLS)
skills = alternate(world, first, prior, start, 30)
print("I(s; z) in nats:", " ".join(f"{x:.2f}" for x in skills.information[[0, 1, 2, 5, 30], 0]))
print(f"    log {SKILLS} = {np.log(SKILLS):.2f} would be skills that share no cell")


def diverse_skills(so_far: Walked, rng: np.random.Generator) -> Sequence[FloatArray]:
    """Skills at random."""
    return list(skills.policies[0, rng.integers(SKILLS, size=ROUND)])


# %% [markdown]
"""## Where they go

Each map shows the share of steps in a cell. Above it are the number of cells reached out of 59,
which is the *coverage* that the [unsupervised track](../unsupervised.md) reports beside the
score, and exp H, the number of cells visited as if equally often.

![Visits of each explorer](without_rewards/visits.png)

The random walk stays near the corner, and goals proposed as often as they were visited (α = 0)
stay even nearer. Matching is the best that any mixture of policies can do. Goals with α = −1 come
close without knowing the optimum. Skills reach far but keep to their own ways: they were asked to
differ, not to be everywhere.

![Cells reached, and steps on the television](without_rewards/over_time.png)

Model error and model gain reach every cell, too. Then the error has nothing left but the
television, and the explorer stays there. The gain of a cell falls as 1/n after n visits. It falls
from five times higher on the television, where moves are most random, so that this explorer comes
back now and then, and leaves again.
"""

# %%
EXPLORERS: dict[str, Explorer] = {
    "random walk": random_walk,
    "marginal matching": marginal_matching,
    "goals, α = 0": proposed_goals(0.0),
    "goals, α = −1": proposed_goals(-1.0),
    "model error": model_error,
    "model gain": model_gain,
    "skills": diverse_skills,
}
walked = {name: explore(explorer) for name, explorer in EXPLORERS.items()}


def shares(found: Walked) -> FloatArray:
    """Share of the visits in each cell, (S,)."""
    return found.counts / found.counts.sum()


def reached(found: Walked) -> IntArray:
    """Number of cells reached after each episode, (N,)."""
    new = np.zeros((len(found.states), CELLS), np.bool_)
    np.put_along_axis(new, found.states, True, axis=1)
    return np.logical_or.accumulate(new).sum(axis=1)


def on_television(found: Walked) -> FloatArray:
    """Share of the steps of each episode on the television, (N,)."""
    return np.isin(found.states, TELEVISION).mean(axis=1)


print(f"{'':18}{'cells reached after':>22}{'':8}{'on tv, last':>14}")
print(f"{'explorer':18}{'60':>10}{'960 episodes':>14}{'exp H':>8}{'240 episodes':>14}")
for name, found in walked.items():
    cells, watched = reached(found), on_television(found)[-240:].mean()
    broad = float(np.exp(entropy(shares(found))))
    print(f"{name:18}{cells[59]:10d}{cells[-1]:14d}{broad:8.1f}{watched:14.2f}")

# %% [markdown]
"""## From goals and skills to imitation

Now back to the family itself, with its own starts, slips and tasks. The access of the
unsupervised track hands out meta-train environments and no demonstrations. A random walk in them
gives episodes. Q-learning turns these into Q(s, a, g) for every pair of cells, by relabelling:
whatever an episode reached was a goal of it, in hindsight.

At test a demonstration says what to do, in one of three ways:

- *Last cell:* it ended there, so that is the goal.
- *Cells in turn:* its cells are goals, one after the other.
- *Skill:* follow the skill under which its cells are most likely.

The scores are those of the protocol on the meta-test tasks: 1 is the task's expert, and 0 is an
expert for another task. Going to the last cell scores almost as well as the expert. Its tasks are
about *where* to be, and that is what a goal says. A table of 32 skills is coarser, and following
the cells in turn also copies slips.
"""

# %%
access = Access(FAMILY, track="unsupervised")
environments = access.environments(np.arange(access.tasks()), threads=1)
rng = np.random.default_rng(0)
cells, chosen = [], []
for _ in range(6):
    environments.reset(rng)
    cells.append([environments.observe()[:, :-1].argmax(axis=1)])
    chosen.append([])
    while not environments.ended.any():
        moves = FAMILY.random_actions(rng, access.tasks()).astype(np.float32)
        cells[-1].append(environments.step(moves)[:, :-1].argmax(axis=1))
        chosen[-1].append(moves.argmax(axis=1))
states = np.concatenate([np.stack(one, axis=1) for one in cells])
actions = np.concatenate([np.stack(one, axis=1) for one in chosen])
learned = relabelled_q_learning(states, actions, FAMILY.free, (CELLS, MOVES), 0.95, passes=5)
print(f"{access.counts.env_steps} steps, {access.counts.demonstrations} demonstrations")
print(f"coverage {access.coverage}")

# %% [markdown]
"""Skills are learned in the model that the same episodes give: how often a move led where."""

# %%
before, after = states[:, :-1].ravel(), states[:, 1:].ravel()
tensor = fit_table(before, actions.ravel(), after, np.eye(CELLS), MOVES)
never = tensor.sum(axis=2) == 0.0
tensor[never] = np.eye(CELLS)[np.nonzero(never)[0]]
model = MDP.from_tensor(tensor[None])
NUMBER = 32
rng = np.random.default_rng(1)
first = rng.dirichlet(np.ones(MOVES), (1, NUMBER, HORIZON, CELLS))
kept = alternate(model, first, np.full(NUMBER, 1.0 / NUMBER), FAMILY.start[None], 30)
print(f"{NUMBER} skills: I(s; z) = {kept.information[-1, 0]:.2f} nats")


class Policy:
    """Makes the moves of a table (slots, T, S)."""

    def __init__(self, tables: IntArray) -> None:
        self.tables = tables

    def act(self, observations: FloatArray) -> IntArray:
        """Moves (slots,) in the cells that observations (slots, O) show."""
        here, steps = FAMILY.decode(observations)
        moves: IntArray = self.tables[np.arange(len(here)), np.minimum(steps, HORIZON - 1), here]
        return moves


@dataclass(frozen=True)
class Imitator:
    """Chooses a policy by the cells of a context."""

    name: str
    choose: Callable[[IntArray], IntArray]
    """From cells (D, T) of demonstrations to moves (T, S)."""

    def adapt(self, contexts: Sequence[Context]) -> Policy:
        """A policy for one context per slot."""
        require_family(contexts, FAMILY.id)
        shown = [context.observations[..., :-1].argmax(axis=-1) for context in contexts]
        return Policy(np.stack([self.choose(cells) for cells in shown]))


greedy = learned.argmax(axis=1)
greedy[np.arange(CELLS), np.arange(CELLS)] = 0
"""The move (S, G) towards a goal; 0 stays."""


def last_cell(shown: IntArray) -> IntArray:
    """Go to the commonest last cell of the demonstrations."""
    return np.tile(greedy[:, np.bincount(shown[:, -1]).argmax()], (HORIZON, 1))


def cells_in_turn(shown: IntArray) -> IntArray:
    """Go to where the first demonstration is two steps later."""
    ahead = np.minimum(np.arange(HORIZON) + 2, shown.shape[1] - 1)
    return greedy[:, shown[0, ahead]].T


def likeliest_skill(shown: IntArray) -> IntArray:
    """Follow the skill under which the cells of all demonstrations are most likely."""
    chances = np.log(np.maximum(kept.marginals[0], 1e-6))
    return kept.policies[0, chances[:, shown].sum(axis=(1, 2)).argmax()].argmax(axis=2)


# %%
print(f"{'how a demonstration is read':32}{'score':>8}")
for imitator in (
    Imitator("last cell", last_cell),
    Imitator("cells in turn", cells_in_turn),
    Imitator("likeliest skill", likeliest_skill),
    Imitator("not at all: any skill", lambda shown: kept.policies[0, 0].argmax(axis=2)),
):
    print(f"{imitator.name:32}{smile_bench.evaluate(imitator, FAMILY).score:8.2f}")


# %%
def draw(axis: Axes, values: FloatArray, title: str, most: float | None = None) -> None:
    """Draw numbers of the cells (S,) as a map; walls are dark."""
    shown = np.where(walls, np.nan, values).reshape(8, 8)
    axis.imshow(shown, cmap="viridis", vmin=0.0, vmax=most)
    axis.set_title(title, fontsize=9)
    axis.set_facecolor("0.3")
    axis.set_xticks([])
    axis.set_yticks([])
    for cell in TELEVISION:
        axis.text(cell % 8, cell // 8, "tv", color="w", fontsize=6, ha="center", va="center")
    axis.text(START % 8, START // 8, "S", color="w", fontsize=8, ha="center", va="center")


def plot_quantities(path: Path) -> None:
    """Empowerment, error floor and the visits of a random walk."""
    figure = Figure(figsize=(9.0, 2.7), layout="constrained")
    maps = {
        "empowerment in nats": control,
        "error floor": floor,
        "steps of a random walk": marginal(walk),
    }
    for axis, (title, values) in zip(figure.subplots(1, 3), maps.items(), strict=True):
        draw(axis, values, title)
        figure.colorbar(axis.images[0], ax=axis, shrink=0.85)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def plot_visits(path: Path) -> None:
    """The square root of each explorer's share of visits, so that few can be seen."""
    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    for axis, (name, found) in zip(axes, walked.items(), strict=False):
        broad = np.exp(entropy(shares(found)))
        title = f"{name}\n{reached(found)[-1]} cells, exp H = {broad:.0f}"
        draw(axis, np.sqrt(shares(found)), title, most=0.35)
    axes[-1].axis("off")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def plot_over_time(path: Path) -> None:
    """Cells reached, and the share of steps on the television, over episodes."""
    figure = Figure(figsize=(10.0, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    window = np.full(60, 1.0 / 60.0)
    for name, found in walked.items():
        left.plot(np.arange(1, EPISODES + 1), reached(found), label=name, linewidth=1.3)
        recent = np.convolve(on_television(found), window, mode="valid")
        right.plot(np.arange(60, EPISODES + 1), recent, linewidth=1.3)
    left.set(xscale="log", xlabel="episodes", ylabel="cells reached", xlim=(ROUND, EPISODES))
    right.set(xlabel="episodes", ylabel="on the television, last 60")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def plot_skills(path: Path) -> None:
    """The square root of the share of steps in each cell, for each skill."""
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    for number, axis in enumerate(figure.subplots(2, SKILLS // 2).ravel()):
        draw(axis, np.sqrt(skills.marginals[0, number]), f"skill {number + 1}", most=0.7)
    figure.savefig(path, dpi=110, metadata={"Software": None})


folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("without_rewards")
folder.mkdir(parents=True, exist_ok=True)
plot_quantities(folder / "quantities.png")
plot_visits(folder / "visits.png")
plot_over_time(folder / "over_time.png")
plot_skills(folder / "skills.png")
print(f"smile-bench {smile_bench.__version__}: pictures written to {folder}")
