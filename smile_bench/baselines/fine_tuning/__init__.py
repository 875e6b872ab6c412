"""Fine-tuning: a released imitator that learns further from a few rewarded episodes.

An agent sees its contexts and may then use some rewarded episodes in the meta-test tasks; see the
page on the track. All begin from Meta-BC's released network, except plain soft actor-critic, which
takes its normaliser alone. Slots share a computation and nothing else: each has its own task, seed,
replay and networks.

**`pretrain-fine-tune`** continues the imitator's policy by soft actor-critic (CS285 notes,
Algorithm 33). The slot's embedding does not change, so that it becomes a bias of the first layer.
After the first episodes only the critic learns, so that a critic that knows nothing cannot spoil
the policy. Rewards lose the mean of these episodes: no episode terminates, so that a constant
changes no policy's rank, and the critic need not learn it.

**`demonstrations-in-replay`** also takes half of each batch from the context (Algorithm 34 with
demonstrations; Ball et al. 2023, arXiv:2302.02948). Contexts hold no rewards and an agent may not
compute the task's. So a model of the reward, r̂(s, a, s′), is fitted to the slot's own rewarded
episodes after each of them, and a demonstration's reward is what the model predicts. Where
demonstrations leave the states of the slot's own episodes, this is a guess.

**`hybrid-loss`** adds λ times the cloning loss of the demonstrations to the policy's loss (section
6.5.4). λ halves every few episodes. With λ = 0 it is `pretrain-fine-tune`.

**`sac-from-nothing`** is soft actor-critic with random weights and a first episode of random
actions. It ignores its demonstrations.

**`embedding-search`** keeps the network and searches for the embedding. The policy already acts
well under the embeddings of all tasks that it knows, so that what is missing is which one. An
embedding is followed for a part of an episode, its mean reward is noted, and a Gaussian process
over the embeddings says which one to try next and which one to use.

**`off-policy-policy-gradient`** is for grids: a softmax policy in a table, the gradient of section
6.5.2, a density fitted to the demonstrations, and the fusion distribution of this density and of
the policies that made the slot's own episodes.
"""

from typing import TYPE_CHECKING

from smile_bench.baselines.registry import AgentSpec

if TYPE_CHECKING:
    from smile_bench.agents import FineTuningAgent

__all__ = ["AGENTS"]

HERE = __name__


def _sac(name: str, summary: str) -> AgentSpec:
    def fine_tune(family: str) -> "FineTuningAgent":
        from smile_bench.baselines.fine_tuning.presets import load_sac

        return load_sac(name, family)

    return AgentSpec(name=name, summary=summary, fine_tune=fine_tune)


AGENTS = (
    _sac(
        "pretrain-fine-tune",
        "continues the imitator's policy by soft actor-critic, after a warm-up of the critic",
    ),
    _sac(
        "demonstrations-in-replay",
        "the same with half of each batch from the demonstrations, whose rewards a model predicts",
    ),
    _sac(
        "hybrid-loss",
        "the same with the cloning loss of the demonstrations, whose weight fades",
    ),
    _sac("sac-from-nothing", "soft actor-critic with random weights and without demonstrations"),
    AgentSpec(
        name="embedding-search",
        summary="searches for the imitator's embedding under which the reward is highest",
        fine_tune=f"{HERE}.presets:load_embedding_search",
    ),
    AgentSpec(
        name="off-policy-policy-gradient",
        summary="a softmax policy in a table, from own episodes and demonstrations by their fusion",
        fine_tune=f"{HERE}.presets:load_policy_gradient",
        grid_only=True,
    ),
)
