"""Soft actor-critic: its updates against known solutions and against plain PyTorch."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from smile_bench.learning.compute import Compute
from smile_bench.learning.networks import LOG_STD_RANGE
from smile_bench.learning.sac import SAC, SCALARS, Batch, Imitation, SACConfig
from smile_bench.learning.stacking import initial_generators
from smile_bench.learning.streams import Streams

FEATURES, ACTIONS = 3, 2
TUNED = SACConfig(hidden=(8, 8), layer_norm=True, target_entropy=-2.0)


def sac(
    *configs: SACConfig,
    seeds: Sequence[int] = (),
    sizes: tuple[int, int] = (FEATURES, ACTIONS),
    compute: Compute | None = None,
) -> SAC:
    seeds = seeds or range(len(configs))
    sources = initial_generators(seeds)
    return SAC(*sizes, configs, sources, Streams(seeds), compute or Compute())


def update(learner: SAC, batch: Batch, imitation: Imitation | None = None) -> dict[str, Tensor]:
    """Critics, then policy."""
    log = learner.update_critic(batch)
    return log | learner.update_policy(batch.features, imitation)


def learnt(learner: SAC, index: int | None = None) -> list[Tensor]:
    """Every learnt tensor, of all trainings or of one, the targets included."""
    rows = [learner._policy_adam.rows, learner._critic_adam.rows, learner._target]
    tensors = [*rows, learner.log_alpha.detach()]
    if index is None:
        return tensors
    numbers = len(learner.log_alpha)
    return [tensor.unflatten(0, (numbers, -1))[index] for tensor in tensors]  # type: ignore[no-untyped-call]


def sampled(seed: int, trainings: int = 1, size: int = 16) -> Batch:
    """Batches whose first trainings are the same, however many there are."""
    rngs = [torch.Generator().manual_seed(100 * seed + own) for own in range(trainings)]

    def normal(*shape: int) -> Tensor:
        return torch.stack([torch.randn(shape, generator=rng) for rng in rngs])

    states, actions, following = (normal(size, n) for n in (FEATURES, ACTIONS, FEATURES))
    continues = (normal(size) > -1.0).float()
    return Batch(states, actions.tanh(), normal(size), following, continues)


def test_initial_weights_come_from_the_generators_alone() -> None:
    before = torch.get_rng_state()
    first, second = (sac(TUNED, TUNED, seeds=(3, 4)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(map(torch.equal, learnt(first), learnt(second)))
    alone = sac(TUNED, seeds=(4,))
    assert all(map(torch.equal, learnt(first, 1), learnt(alone, 0)))


def linear_quadratic_gain(a: float, b: float, q: float, r: float, discount: float) -> float:
    """K of the optimal control u = -K s, by iterating the scalar Riccati equation."""
    p = q
    for _ in range(1000):
        gain = discount * a * b * p / (r + discount * b * b * p)
        p = q + discount * a * p * (a - b * gain)
    return gain


@pytest.mark.slow
def test_solves_linear_quadratic_tasks() -> None:
    """Two at once, with different discounts."""
    a, b, q, r, discounts = 0.9, 0.5, 1.0, 0.3, (0.9, 0.6)
    config = SACConfig(hidden=(64, 64), learning_rate=2e-3, polyak=0.02, entropy_weight=1e-3)
    configs = [replace(config, discount=discount) for discount in discounts]
    learner, rng = sac(*configs, sizes=(1, 1)), torch.Generator().manual_seed(1)
    for number in range(1200):
        learner.scale_learning_rate(1.0 - number / 1200)
        states, actions = (2.0 * torch.rand(2, 256, 1, generator=rng) - 1.0 for _ in range(2))
        reward = -(q * states.square() + r * actions.square())[..., 0]
        batch = Batch(states, actions, reward, a * states + b * actions, torch.ones(2, 256))
        learner.update_critic(batch)
        if number % 2:
            learner.update_policy(states)
    states = torch.linspace(-0.8, 0.8, 17)[:, None].expand(2, -1, -1)
    acted = learner.policy.act(states)
    for index, discount in enumerate(discounts):
        gain = linear_quadratic_gain(a, b, q, r, discount)
        error = (acted[index] + gain * states[index]).abs()
        assert float(error.max()) < 0.08


class Plain:
    """One soft actor-critic in plain PyTorch, written from the paper."""

    def __init__(self, learner: SAC, index: int, config: SACConfig) -> None:
        self.config = config
        width = config.hidden[0]
        self.policy = self._copied(learner.policy, index, (FEATURES, width, width, 2 * ACTIONS))
        sizes = (FEATURES + ACTIONS, width, width, 1)
        self.critics = [self._copied(learner.critic, 2 * index + k, sizes) for k in range(2)]
        self.targets = copy.deepcopy(self.critics)
        self.log_alpha = nn.Parameter(torch.tensor(math.log(config.entropy_weight)))
        critics = [p for critic in self.critics for p in critic.parameters()]
        self.adams = [
            torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)
            for parameters in (critics, list(self.policy.parameters()), [self.log_alpha])
        ]

    @staticmethod
    def _copied(stack: nn.Module, index: int, sizes: Sequence[int]) -> nn.ModuleList:
        layers = nn.ModuleList(nn.Linear(i, o) for i, o in itertools.pairwise(sizes))
        with torch.no_grad():
            for number, layer in enumerate(layers):
                assert isinstance(layer, nn.Linear)
                layer.weight.copy_(stack.get_parameter(f"layers.{number}.weight")[index].T)
                layer.bias.copy_(stack.get_parameter(f"layers.{number}.bias")[index, 0])
        return layers

    def value(self, critic: nn.ModuleList, states: Tensor, actions: Tensor) -> Tensor:
        x = torch.cat((states, actions), 1)
        for layer in critic[:-1]:
            x = layer(x)
            if self.config.layer_norm:
                x = functional.layer_norm(x, x.shape[-1:])
            x = torch.relu(x)
        value: Tensor = critic[-1](x)[:, 0]
        return value

    def act(self, states: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Actions, their log densities, and the mean before tanh."""
        x = states
        for layer in self.policy[:-1]:
            x = torch.relu(layer(x))
        mean, raw = self.policy[-1](x).chunk(2, 1)
        low, high = LOG_STD_RANGE
        normal: Any = torch.distributions.Normal(
            mean, torch.exp(low + (high - low) * (torch.tanh(raw) + 1.0) / 2.0)
        )
        u = normal.mean + normal.stddev * noise
        density = normal.log_prob(u) - torch.log(1.0 - torch.tanh(u) ** 2)
        return torch.tanh(u), density.sum(1), mean

    def update(
        self,
        batch: Batch,
        noises: tuple[Tensor, Tensor],
        imitation: Imitation | None,
    ) -> dict[str, Tensor]:
        config, (critic_adam, policy_adam, alpha_adam) = self.config, self.adams
        states, actions, rewards, following, continues = batch
        with torch.no_grad():
            next_actions, density, _ = self.act(following, noises[0])
            values = [self.value(target, following, next_actions) for target in self.targets]
            soft = torch.minimum(*values) - self.log_alpha.exp() * density
            wanted = rewards + config.discount * continues * soft
        loss = sum(
            functional.mse_loss(self.value(critic, states, actions), wanted)
            for critic in self.critics
        )
        assert isinstance(loss, Tensor)
        self._step(critic_adam, loss)
        with torch.no_grad():
            for target, critic in zip(self.targets, self.critics, strict=True):
                for slow, fast in zip(target.parameters(), critic.parameters(), strict=True):
                    slow.mul_(1.0 - config.polyak).add_(config.polyak * fast)
        own, density, _ = self.act(states, noises[1])
        values = [self.value(critic, states, own) for critic in self.critics]
        policy_loss = (self.log_alpha.detach().exp() * density - torch.minimum(*values)).mean()
        if imitation is not None:
            _, _, mean = self.act(imitation.features, torch.zeros(len(imitation.features), ACTIONS))
            missed = functional.mse_loss(torch.tanh(mean), imitation.actions)
            policy_loss = policy_loss + imitation.weight * missed
        self._step(policy_adam, policy_loss)
        log = {
            "losses/critic": loss.detach(),
            "losses/value": wanted.mean(),
            "losses/policy": policy_loss.detach(),
            "charts/entropy": -density.detach().mean(),
            "charts/entropy_weight": self.log_alpha.detach().exp(),
        }
        if config.target_entropy is not None:
            excess = -density.detach().mean() - config.target_entropy
            self._step(alpha_adam, self.log_alpha * excess)
        return log

    @staticmethod
    def _step(adam: torch.optim.Optimizer, loss: Tensor) -> None:
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()

    def learnt(self) -> list[Tensor]:
        """As :func:`learnt` has them."""

        def row(layers: nn.ModuleList) -> Tensor:
            parts = [
                (p.detach().mT if p.ndim > 1 else p.detach()).flatten() for p in layers.parameters()
            ]
            return torch.cat(parts)

        pairs = [torch.stack([row(net) for net in nets]) for nets in (self.critics, self.targets)]
        return [row(self.policy)[None], *pairs, self.log_alpha.detach()[None, None]]


SEVERAL = (
    TUNED,
    replace(TUNED, discount=0.8, polyak=0.1, learning_rate=3e-3, entropy_weight=0.2),
    replace(TUNED, learning_rate=1e-4, entropy_weight=2.0),
)


@pytest.mark.parametrize("configs", [(TUNED,), (SEVERAL[1],), SEVERAL], ids=["one", "fast", "all"])
@pytest.mark.parametrize("kind", ["tuned entropy", "fixed entropy", "cloning", "no layer norm"])
def test_updates_are_those_of_plain_pytorch(configs: tuple[SACConfig, ...], kind: str) -> None:
    """Each training beside its own plain one, with the same noise."""
    if kind != "tuned entropy":
        configs = tuple(replace(config, target_entropy=None) for config in configs)
    if kind == "no layer norm":
        configs = tuple(replace(config, layer_norm=False) for config in configs)
    learner, trainings = sac(*configs), len(configs)
    plain = [Plain(learner, index, config) for index, config in enumerate(configs)]
    for number in range(4):
        batch = sampled(number, trainings)
        shown = sampled(50 + number, trainings, 5)
        weight = torch.arange(1.0, trainings + 1.0)
        cloned = Imitation(shown.features, shown.actions, weight) if kind == "cloning" else None
        # Served from the same block as in the updates.
        noises = (learner.streams.normal(16, ACTIONS), learner.streams.normal(16, ACTIONS))
        given = iter(noises)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(learner.streams, "normal", lambda *_, given=given: next(given))
            log = update(learner, batch, cloned)
        for index, own in enumerate(plain):
            mine = Batch(*(column[index] for column in batch))
            expected = own.update(
                mine,
                (noises[0][index], noises[1][index]),
                None if cloned is None else Imitation(*(column[index] for column in cloned)),
            )
            assert log.keys() == expected.keys()
            for name, value in expected.items():
                torch.testing.assert_close(log[name][index], value, rtol=1e-5, atol=1e-5)
            for ours, theirs in zip(learnt(learner, index), own.learnt(), strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert learner.finite.failed() == [[]] * trainings


def test_trainings_do_not_depend_on_those_beside_them() -> None:
    together = sac(*SEVERAL, seeds=(5, 1, 8))
    logs = [update(together, sampled(number, 3)) for number in range(10)]
    for index, (config, seed) in enumerate(zip(SEVERAL, (5, 1, 8), strict=True)):
        alone = sac(config, seeds=(seed,))
        for number, log in enumerate(logs):
            batch = Batch(*(column[index : index + 1] for column in sampled(number, 3)))
            own = update(alone, batch)
            for name, value in own.items():
                torch.testing.assert_close(log[name][index], value[0], rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(learnt(together, index), learnt(alone, 0), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_scalars_are_settings() -> None:
    assert all(hasattr(SACConfig(), name) for name in SCALARS)


def test_gradients_are_those_of_finite_differences() -> None:
    learner = sac(replace(TUNED, layer_norm=False), TUNED)
    batch = Batch(*(column.double() for column in sampled(0, 2, 6)))
    noise = torch.randn(2, 6, ACTIONS, generator=torch.Generator().manual_seed(4)).double()
    for module in (learner.policy, learner.critic, learner.target):
        module.double()
    learner._discount = learner._discount.double()
    weight = torch.tensor([0.5, 2.0]).double()
    losses: Mapping[str, Callable[[], Tensor]] = {
        "critic": lambda: learner._critic_loss(batch, noise)[0],
        "policy": lambda: learner._policy_loss(batch.features, noise)[0],
        "cloning": lambda: learner._cloning_loss(Imitation(batch.features, batch.actions, weight)),
    }
    for name, loss in losses.items():
        network = learner.critic if name == "critic" else learner.policy
        for path in ("layers.0.weight", "layers.2.bias"):
            parameter = network.get_parameter(path)
            (gradient,) = torch.autograd.grad(loss().sum(), parameter)
            flat = parameter.detach().flatten()
            for at in range(0, len(flat), max(1, len(flat) // 12)):
                slopes = []
                for step in (1e-6, -1e-6):
                    with torch.no_grad():
                        parameter.view(-1)[at] += step
                        slopes.append(loss().sum())
                        parameter.view(-1)[at] -= step
                slope = float((slopes[0] - slopes[1]) / 2e-6)
                assert float(gradient.flatten()[at]) == pytest.approx(slope, abs=1e-6, rel=1e-5)


def test_entropy_weight_follows_the_target_entropy() -> None:
    config = SACConfig(hidden=(16,), learning_rate=1e-2)
    for target, grows in ((10.0, True), (-20.0, False)):
        learner = sac(replace(config, target_entropy=target))
        logs = [update(learner, sampled(0)) for _ in range(5)]
        assert (float(logs[-1]["charts/entropy_weight"]) > 1.0) is grows
    fixed = sac(config)
    for _ in range(5):
        log = update(fixed, sampled(0))
    assert float(log["charts/entropy_weight"]) == 1.0


def test_termination_cuts_the_bootstrap() -> None:
    learner = sac(SACConfig(hidden=(16,), discount=0.9, entropy_weight=1e-9))
    with torch.no_grad():
        learner.target.get_parameter("layers.1.bias").fill_(100.0)
    batch = sampled(0, size=8)._replace(rewards=torch.full((1, 8), 3.0))
    ended = learner.update_critic(batch._replace(continues=torch.zeros(1, 8)))
    assert float(ended["losses/value"]) == pytest.approx(3.0)
    again = learner.update_critic(batch._replace(continues=torch.ones(1, 8)))
    assert float(again["losses/value"]) == pytest.approx(3.0 + 0.9 * 100.0, abs=1.5)


@pytest.mark.parametrize("field", Batch._fields)
def test_a_number_that_is_not_finite_is_noted_and_stays_in_its_training(field: str) -> None:
    learner, healthy = (sac(TUNED, TUNED, TUNED) for _ in range(2))
    batch = sampled(0, 3)
    update(healthy, batch)
    spoilt = batch._replace(**{field: getattr(batch, field).clone()})
    getattr(spoilt, field)[1, 3] = torch.nan
    update(learner, spoilt)
    for one in (learner, healthy):
        update(one, sampled(1, 3))
    failed = learner.finite.failed()
    assert failed[0] == failed[2] == []
    assert "critic" in failed[1]
    assert healthy.finite.failed() == [[], [], []]
    for index in (0, 2):
        assert all(map(torch.equal, learnt(learner, index), learnt(healthy, index)))


def test_it_continues_to_the_same_numbers_from_its_state() -> None:
    whole, cut = (sac(*SEVERAL) for _ in range(2))
    for learner in (whole, cut):
        for seed in range(5):
            learner.streams.begin()
            update(learner, sampled(seed, 3))
    resumed = sac(*SEVERAL, seeds=(9, 10, 11))
    for index in range(3):
        resumed.load_state_dict(index, copy.deepcopy(cut.state_dict(index)))
        resumed.streams.load_state_dict(index, cut.streams.state_dict(index))
    for seed in range(5, 9):
        logs = []
        for learner in (resumed, whole):
            learner.streams.begin()
            logs.append(update(learner, sampled(seed, 3)))
        assert all(torch.equal(value, logs[1][name]) for name, value in logs[0].items())
    assert all(map(torch.equal, learnt(resumed), learnt(whole)))


def test_every_learning_rate_is_scaled() -> None:
    """Adam's first step is as long as its learning rate, whatever the gradient."""
    steps = []
    for factor in (1.0, 0.5, 0.0):
        learner = sac(replace(TUNED, learning_rate=1e-2))
        before = [tensor.clone() for tensor in learnt(learner)]
        learner.scale_learning_rate(factor)
        update(learner, sampled(0))
        moved = [new - old for new, old in zip(learnt(learner), before, strict=True)]
        steps.append([float(moved[k].abs().max()) for k in (0, 1, 3)])
    assert steps[0] == pytest.approx([1e-2] * 3, rel=1e-2)
    assert steps[1] == pytest.approx([5e-3] * 3, rel=1e-2)
    assert steps[2] == [0.0] * 3


def test_targets_follow_the_critics_by_tau() -> None:
    learner = sac(*(replace(TUNED, polyak=polyak) for polyak in (0.25, 1.0)))
    before = learner._target.clone()
    learner.update_critic(sampled(0, 2))
    critics = learner._critic_adam.rows
    torch.testing.assert_close(learner._target[:2], 0.75 * before[:2] + 0.25 * critics[:2])
    torch.testing.assert_close(learner._target[2:], critics[2:])
    assert not any(parameter.requires_grad for parameter in learner.target.parameters())
    # The networks that give the targets are these rows.
    learner._target.fill_(0.0)
    assert not learner.target(*sampled(0, 2)[:2]).any()


def test_cloning_pulls_the_mean_action_to_the_demonstrated_one() -> None:
    learner = sac(*(replace(TUNED, learning_rate=1e-2) for _ in range(2)))
    features = sampled(0, 2).features
    wanted = torch.tensor([[[0.5, -0.7]], [[-0.2, 0.1]]]).expand(2, 16, 2)
    cloning = Imitation(features, wanted, torch.tensor([100.0, 100.0]))
    before = learner.update_policy(features, cloning)["losses/policy"]
    for _ in range(200):
        after = learner.update_policy(features, cloning)["losses/policy"]
    assert (after < before).all()
    assert float((learner.policy.act(features) - wanted).abs().max()) < 0.05


def test_products_in_bfloat16_change_the_updates_a_little() -> None:
    exact, rounded = (
        sac(replace(TUNED, hidden=(32, 32)), compute=Compute(precision=precision))
        for precision in ("float32", "bf16")
    )
    logs = [update(learner, sampled(0)) for learner in (exact, rounded)]
    for name, value in logs[0].items():
        torch.testing.assert_close(logs[1][name], value, rtol=0.05, atol=0.05)
    assert not torch.equal(learnt(exact)[1], learnt(rounded)[1])
    assert all(tensor.dtype == torch.float32 for tensor in learnt(rounded))
