"""The reward learner: what its update trains, and the rewards that it gives."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.access import Access
from smile_bench.baselines.imitation.augmentation import AugmentationConfig
from smile_bench.baselines.smile.config import DiscriminatorConfig, SMILeConfig
from smile_bench.baselines.smile.training import SMILe
from smile_bench.errors import ConditionWarning, DivergedError
from smile_bench.learning.optimizers import AdamConfig
from smile_bench.learning.replay import Transitions
from smile_bench.learning.streams import Streams
from tests.helpers import synthetic
from tests.helpers.tiny import CONFIG, STATE_ONLY, access, stepped

ROWS = torch.tensor([[0, 1, 2, 2]])


def sampled(training: SMILe) -> tuple[Transitions, Tensor, Tensor]:
    """Transitions, embeddings, and the discriminator's logits of them."""
    transitions = training.replay.sample(Streams((0,)), ROWS)
    learner = training.reward_learner
    embeddings = learner.embeddings.embeddings[:, ROWS[0], 0]
    second = transitions.next_states if learner.config.state_only else transitions.actions
    assert second is not None
    logits = learner.discriminator(torch.cat((transitions.states, second), -1), embeddings)
    return transitions, embeddings, logits.detach()


def one_update(training: SMILe, shots: int = 1) -> dict[str, Tensor]:
    training.streams.begin()
    return training.reward_learner.update(training.replay, shots)


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_an_update_trains_the_encoder_and_leaves_the_policy(config: SMILeConfig) -> None:
    training = stepped(config)
    learner = training.reward_learner
    before = learner.encoder.get_parameter("timestep.0.weight").detach().clone()
    discriminator = learner.discriminator.get_parameter("layers.0.weight").detach().clone()
    policy = {name: value.clone() for name, value in training.sac.policy.state_dict().items()}
    one_update(training)
    assert not torch.equal(before, learner.encoder.get_parameter("timestep.0.weight"))
    assert not torch.equal(discriminator, learner.discriminator.get_parameter("layers.0.weight"))
    after = training.sac.policy.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in policy.items())


@pytest.mark.slow
@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_updates_learn_to_tell_demonstrations_from_the_policy(config: SMILeConfig) -> None:
    discriminator = replace(config.discriminator, gradient_penalty=0.1, mismatched_negatives=0.0)
    training = stepped(replace(config, discriminator=discriminator), 1)
    logs = [one_update(training, (1, 4)[k % 2]) for k in range(300)]
    first, last = (
        {name: np.mean([float(log[name]) for log in part]) for name in logs[0]}
        for part in (logs[:20], logs[-20:])
    )
    assert last["losses/discriminator"] < 0.7 * first["losses/discriminator"]
    assert first["charts/discriminator_accuracy"] < 0.7
    assert last["charts/discriminator_accuracy"] > 0.9
    # The reward, which is the logit, then prefers what experts did.
    learner = training.reward_learner
    learner.refresh()
    rows = torch.arange(3).repeat_interleave(20)[None]
    shown = training.demonstrations.sample(Streams((0,)), rows)
    own = training.replay.sample(Streams((0,)), rows)
    embeddings = learner.embeddings.embeddings[:, rows[0], 0]
    rewards = [float(learner.rewards(each, embeddings, 60).mean()) for each in (shown, own)]
    assert rewards[0] > 0.0 > rewards[1]


@pytest.mark.parametrize("config", [CONFIG, STATE_ONLY])
def test_the_reward_is_the_clipped_and_scaled_logit(config: SMILeConfig) -> None:
    training = stepped(replace(config, reward_scale=3.0, reward_clip=0.05))
    transitions, embeddings, logits = sampled(training)
    rewards = training.reward_learner.rewards(transitions, embeddings, 4)
    torch.testing.assert_close(rewards, 3.0 * logits.clamp(-0.05, 0.05))
    assert (logits.abs() > 0.05).any()


def test_rewards_are_divided_by_their_running_deviation() -> None:
    training = stepped()
    learner = training.reward_learner
    learner.reward_deviation.fill_(0.5)
    transitions, embeddings, logits = sampled(training)
    scale = 0.99 * 0.5 + 0.01 * float(logits[0, :3].std())
    torch.testing.assert_close(learner.rewards(transitions, embeddings, 3), logits / scale)


def test_a_step_has_stalled_at_the_lowest_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    training = stepped(replace(CONFIG, reward_clip=2.0))
    transitions, embeddings, _ = sampled(training)
    logits = torch.tensor([[-5.0, -2.0, -1.0, 5.0]])
    learner = training.reward_learner
    monkeypatch.setattr(learner.discriminator, "forward", lambda x, embeddings: logits)
    assert learner.stalled(transitions, embeddings).tolist() == [True, True, False, False]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_the_negatives_is_demonstrations_of_other_tasks(share: float) -> None:
    discriminator = DiscriminatorConfig(mismatched_negatives=share)
    training = stepped(replace(CONFIG, discriminator=discriminator, transitions_per_task=8))
    rows = torch.tensor([0, 1, 2]).repeat_interleave(8)
    negatives = training.reward_learner._negatives(rows[None], training.replay)
    demonstrated = training.demonstrations.states.flatten(1, 2)
    found = [
        [bool((demonstrated[task] == state).all(-1).any()) for task in range(3)]
        for state in negatives.states[0]
    ]
    assert sum(map(any, found)) == round(share * len(rows))
    # None is of its own task; all other tasks come.
    assert not any(found[k][row] for k, row in enumerate(rows.tolist()))
    if share == 1.0:
        assert {
            (row, task)
            for k, row in enumerate(rows.tolist())
            for task in range(3)
            if found[k][task]
        } == {(row, task) for row in range(3) for task in range(3) if row != task}


def test_the_tasks_of_a_batch_are_different_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there are fewer tasks than a batch has places for."""
    seen: list[Tensor] = []
    for asked, expected in ((2, 2), (3, 3), (8, 3)):
        training = stepped(replace(CONFIG, tasks_per_batch=asked))
        sample = training.demonstrations.sample_contexts

        def watched(streams: Any, tasks: Tensor, *rest: Any, sample: Any = sample) -> object:
            seen.append(tasks)
            return sample(streams, tasks, *rest)

        monkeypatch.setattr(training.demonstrations, "sample_contexts", watched)
        seen.clear()
        for _ in range(20):
            log = one_update(training)
        assert all(math.isfinite(float(value)) for value in log.values())
        assert {tasks.shape for tasks in seen} == {(1, expected)}
        assert all(len(torch.unique(tasks)) == expected for tasks in seen)
        assert {*torch.cat(seen, 1)[0].tolist()} == {0, 1, 2}


def test_the_only_demonstration_of_a_task_is_context_and_predicted() -> None:
    made, few = synthetic.dataset(), synthetic.dataset(each=1)
    data = replace(made, splits={**made.splits, "train": few.train})
    alone = Access(synthetic.FAMILY, dataset=data)
    SMILe([CONFIG], [alone])
    discriminator = DiscriminatorConfig(final_state_weight=1.0)
    with pytest.warns(ConditionWarning, match="hold the one that is imitated"):
        training = SMILe([replace(CONFIG, discriminator=discriminator)], [alone])
    training.step()
    log = training.step()[0]
    assert not isinstance(log, DivergedError)
    assert math.isfinite(log["losses/discriminator"])


def test_contexts_leave_a_demonstration_for_its_final_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = replace(CONFIG, discriminator=DiscriminatorConfig(final_state_weight=1.0))
    made = SMILe([config], [access(config)])
    seen: list[tuple[int, int]] = []
    sample = made.demonstrations.sample_contexts

    def watched(streams: Streams, tasks: Tensor, shots: int, steps: int) -> object:
        features, held_out = sample(streams, tasks, shots, steps)
        seen.append((shots, held_out.shape[2]))
        return features, held_out

    monkeypatch.setattr(made.demonstrations, "sample_contexts", watched)
    for _ in range(3):
        made.step()
    each = made.demonstrations.features.shape[1]
    assert {shots for shots, _ in seen} == {*made.access.family.context_sizes}
    assert all(shots + left == each and left > 0 for shots, left in seen)


class Plain:
    """One discriminator and encoder in plain PyTorch, with the penalty by double backward."""

    def __init__(self, training: SMILe, index: int, config: SMILeConfig) -> None:
        learner, self.config = training.reward_learner, config
        self.timestep = copied(learner.encoder.timestep, index, nn.ReLU)
        self.context = copied(learner.encoder.context, index, nn.ReLU)
        self.discriminator = copied(learner.discriminator, index, nn.Tanh)
        networks = (self.timestep, self.context, self.discriminator)
        optimizer = config.discriminator.optimizer
        self.parameters = [p for network in networks for p in network.parameters()]
        self.adam = torch.optim.AdamW(
            self.parameters,
            lr=optimizer.learning_rate,
            betas=(optimizer.beta1, 0.999),
            weight_decay=optimizer.weight_decay,
        )

    def logits(self, transitions: Tensor, embeddings: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(torch.cat((transitions, embeddings), 1))[:, 0]
        return logits

    def update(
        self, expert: Tensor, other: Tensor, contexts: Tensor, mix: Tensor
    ) -> dict[str, Tensor]:
        """On transitions (B, T), contexts (b, K, t, F) and where to interpolate (B, 1)."""
        pooled = self.timestep(contexts).mean(2).mean(1)
        embeddings = self.context(pooled).repeat_interleave(self.config.transitions_per_task, 0)
        logits = [self.logits(each, embeddings) for each in (expert, other)]
        bce = functional.binary_cross_entropy_with_logits
        loss = bce(logits[0], torch.ones_like(logits[0]))
        loss = loss + bce(logits[1], torch.zeros_like(logits[1]))
        between = (expert + mix * (other - expert)).requires_grad_()
        slopes = torch.autograd.grad(
            self.logits(between, embeddings.detach()).sum(), between, create_graph=True
        )[0]
        penalty = (slopes.norm(dim=1) - 1.0).square().mean()
        loss = loss + self.config.discriminator.gradient_penalty * penalty
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        right = torch.cat((logits[0] > 0.0, logits[1] < 0.0))
        return {
            "losses/discriminator": loss.detach(),
            "losses/penalty": penalty.detach(),
            "charts/discriminator_accuracy": right.float().mean(),
        }


def copied(stack: nn.Module, index: int, activation: type[nn.Module]) -> nn.Sequential:
    """One of a stack's networks as plain layers."""
    layers: list[nn.Module] = []
    parameters = list(stack.parameters())
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        layer = nn.Linear(*weight.shape[1:])
        with torch.no_grad():
            layer.weight.copy_(weight[index].T)
            layer.bias.copy_(bias[index, 0])
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


DIFFERENT: tuple[DiscriminatorConfig, ...] = (
    DiscriminatorConfig(optimizer=AdamConfig(beta1=0.9, weight_decay=0.01)),
    DiscriminatorConfig(
        gradient_penalty=0.5,
        optimizer=AdamConfig(learning_rate=2e-3, beta1=0.9, weight_decay=0.01),
    ),
)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("base", [CONFIG, STATE_ONLY], ids=["state-action", "state-only"])
def test_updates_are_those_of_plain_pytorch(
    base: SMILeConfig, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each training beside its own plain one, on the batches that its update sampled."""
    configs = [
        replace(base, seed=seed, discriminator=discriminator)
        for seed, discriminator in zip(range(number), DIFFERENT, strict=False)
    ]
    training = SMILe(configs, [access(base) for _ in configs])
    training.step()
    learner = training.reward_learner
    plain = [Plain(training, index, config) for index, config in enumerate(configs)]
    given: list[tuple[Tensor, ...]] = []
    losses, forward = learner._losses, learner.encoder.forward

    def encoded(contexts: Tensor, *rest: Any) -> Tensor:
        given.append((contexts,))
        return forward(contexts, *rest)

    def watched(expert: Tensor, other: Tensor, context: Tensor, mix: Tensor) -> Any:
        given[-1] += (expert, other, mix)
        return losses(expert, other, context, mix)

    monkeypatch.setattr(learner, "_losses", watched)
    monkeypatch.setattr(learner.encoder, "forward", encoded)
    for shots in (1, 4, 1, 1):
        log = one_update(training, shots)
        for index, own in enumerate(plain):
            contexts, expert, other, mix = (column[index] for column in given[-1])
            expected = own.update(expert, other, contexts, mix)
            assert log.keys() == expected.keys()
            for name, value in expected.items():
                torch.testing.assert_close(log[name][index], value, rtol=1e-5, atol=1e-5)
            for stacked, single in zip(learner.adam.parameters, own.parameters, strict=True):
                shaped = single.mT if single.ndim == 2 else single[None]
                torch.testing.assert_close(stacked[index], shaped, rtol=1e-5, atol=1e-5)
    assert len(given) == 4


def test_the_discriminator_sees_noise_and_permutations_alike_in_both_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Constant coordinates of demonstrations and negatives have noise of their own."""
    config = replace(CONFIG, augmentation=AugmentationConfig(constant_feature_noise=0.5))
    training = SMILe([config], [Access(config.family, dataset=synthetic.showing_dataset())])
    training.step()
    learner, seen = training.reward_learner, list[tuple[Tensor, ...]]()
    losses = learner._losses

    def watched(*given: Tensor) -> Any:
        seen.append(given)
        return losses(*given)

    monkeypatch.setattr(learner, "_losses", watched)
    one_update(training)
    expert, other = seen[0][:2]
    shown = training.demonstrations.states[..., training.demonstrations.constant].flatten(0, 2)
    for transitions in (expert, other):
        values = transitions[0][:, training.demonstrations.constant]
        assert not (values[:, None] == shown[None]).all(-1).any()
