"""What fine-tuning begins from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smile_bench.agents import Context
from smile_bench.baselines.fine_tuning.start import DemonstratedTransitions, copy_policy
from smile_bench.baselines.imitation.imitator import Imitator, Member
from smile_bench.envs import get_family
from smile_bench.errors import AgentError
from smile_bench.learning.devices import CPU
from smile_bench.learning.networks import SquashedGaussianPolicy
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import Streams

FAMILY = get_family("SmileGridGoal-v0")


def make_stack(slots: int, hidden: tuple[int, ...] = (128, 128)) -> SquashedGaussianPolicy:
    generators = initial_generators(range(slots))
    return SquashedGaussianPolicy(FAMILY.observation_size, FAMILY.action_size, hidden, generators)


def test_a_copied_policy_acts_as_the_imitator_in_every_slot(
    imitator: Imitator, contexts: list[Context]
) -> None:
    stack = make_stack(len(contexts))
    imitation = imitator.adapt(contexts)
    copy_policy(imitation, stack, 0.3)
    seen = torch.randn(len(contexts), 40, FAMILY.observation_size)
    mean, log_std = stack(seen)
    network, embeddings = imitation.members[0]
    both = torch.cat((seen, embeddings[:, None].expand(-1, 40, -1)), -1)
    torch.testing.assert_close(mean, network(both)[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(log_std.exp(), torch.full_like(log_std, 0.3))
    assert not torch.equal(mean[0], mean[1])


def test_other_widths_and_several_networks_are_refused(
    imitator: Imitator, contexts: list[Context]
) -> None:
    with pytest.raises(AgentError, match=r"128 units, and the settings have 64; give sac\.hidden"):
        copy_policy(imitator.adapt(contexts), make_stack(len(contexts), (64, 64)), 0.3)
    members: list[Member] = [*imitator.members, *imitator.members]
    two = Imitator("two", imitator.config, members, imitator.normaliser, {})
    with pytest.raises(AgentError, match="acts by the mean of 2"):
        copy_policy(two.adapt(contexts), make_stack(len(contexts)), 0.3)


def test_a_slot_s_transitions_are_its_demonstrations_alone(
    imitator: Imitator, contexts: list[Context]
) -> None:
    shown = DemonstratedTransitions(contexts, imitator.normaliser, CPU)
    sampled = shown.sample(Streams(range(len(contexts))), 400)
    assert sampled.actions is not None
    for slot, context in enumerate(contexts):
        own = {row.tobytes() for row in imitator.normaliser(context.observations).reshape(-1, 65)}
        found = {row.tobytes() for row in sampled.states[slot].numpy()}
        assert found == own
    # One-hot actions and no padding, which would be zero.
    np.testing.assert_array_equal(sampled.actions.sum(-1).numpy(), 1.0)


def test_demonstrations_without_actions_are_refused(
    imitator: Imitator, contexts: list[Context]
) -> None:
    hidden = [context.state_only() for context in contexts]
    with pytest.raises(AgentError, match="needs their actions"):
        DemonstratedTransitions(hidden, imitator.normaliser, CPU)
