"""The context encoder: what its embedding depends on, and what it does not."""

from __future__ import annotations

import pytest
import torch

from smile_bench.baselines.imitation.encoder import ContextEncoder, EncoderConfig
from smile_bench.batches.stacked import context_features
from smile_bench.errors import InputError
from smile_bench.learning.networks import member
from smile_bench.learning.stacking import initial_generators


def encoder() -> ContextEncoder:
    return ContextEncoder(7, EncoderConfig(), torch.Generator().manual_seed(0)).double()


def test_the_embedding_does_not_depend_on_the_order_of_demonstrations_or_timesteps() -> None:
    net, generator = encoder(), torch.Generator().manual_seed(1)
    x = torch.randn(3, 4, 6, 7, generator=generator, dtype=torch.float64)
    embedding = net(x)
    torch.testing.assert_close(net(x[:, torch.tensor([2, 0, 3, 1])]), embedding)
    torch.testing.assert_close(net(x[:, :, torch.randperm(6, generator=generator)]), embedding)


def test_the_embedding_depends_on_the_demonstrations() -> None:
    net = encoder()
    x = torch.zeros(2, 1, 5, 7, dtype=torch.float64)
    x[1] += 1.0
    embeddings = net(x)
    assert (embeddings[0] - embeddings[1]).abs().max() > 1e-3


def test_absent_demonstrations_count_for_nothing() -> None:
    net, generator = encoder(), torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    present = torch.tensor([[True, True, False], [True, True, True]])
    padded = net(x, present)
    torch.testing.assert_close(padded[0], net(x[:1, :2])[0])
    torch.testing.assert_close(padded[1], net(x[1:])[0])


def test_repeating_a_demonstration_leaves_the_embedding() -> None:
    net, generator = encoder(), torch.Generator().manual_seed(1)
    x = torch.randn(1, 1, 5, 7, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(net(x.expand(1, 4, 5, 7)), net(x))


def test_demonstrations_may_be_summed_as_in_the_authors_code() -> None:
    config, generator = EncoderConfig(pooling="sum"), torch.Generator().manual_seed(1)
    net = ContextEncoder(7, config, torch.Generator().manual_seed(0)).double()
    x = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    pooled = net.timestep(x).mean(2).sum(1)
    torch.testing.assert_close(net(x), net.context(pooled))
    torch.testing.assert_close(encoder()(x), net.context(pooled / 3.0))
    with pytest.raises(InputError, match=r"encoder\.pooling is 'max'; give 'mean' or 'sum'"):
        ContextEncoder(7, EncoderConfig(pooling="max"), torch.Generator())


def test_timesteps_that_are_not_kept_count_for_nothing() -> None:
    net, generator = encoder(), torch.Generator().manual_seed(1)
    x = torch.randn(1, 2, 5, 7, generator=generator, dtype=torch.float64)
    kept = torch.tensor([[[True, True, False, True, False], [True] * 5]])
    expected = net(x, kept=kept)
    x[0, 0, 2], x[0, 0, 4] = 100.0, -100.0
    torch.testing.assert_close(net(x, kept=kept), expected)
    # The mean is over the rest: as if the demonstration were shorter.
    parts = [net.timestep(x[:, 0, [0, 1, 3]]).mean(1), net.timestep(x[:, 1]).mean(1)]
    torch.testing.assert_close(expected, net.context(torch.stack(parts).mean(0)))


def test_state_only_features_leave_the_actions_out() -> None:
    s, a, n = torch.ones(2, 3), torch.full((2, 1), 2.0), torch.full((2, 3), 3.0)
    assert context_features(s, a, n).tolist()[0] == [1, 1, 1, 2, 3, 3, 3]
    assert context_features(s, None, n).tolist()[0] == [1, 1, 1, 3, 3, 3]


def test_changes_are_seen_in_their_own_standard_deviations() -> None:
    config, generator = EncoderConfig(sees_changes=True), torch.Generator().manual_seed(1)
    net = ContextEncoder(7, config, torch.Generator().manual_seed(0), observed=3).double()
    plain = encoder()
    s = torch.randn(2, 50, 30, 3, generator=generator, dtype=torch.float64)
    a = torch.randn(2, 50, 30, 1, generator=generator, dtype=torch.float64)
    spread = torch.tensor([0.05, 0.5, 0.0], dtype=torch.float64)
    change = spread * torch.randn(s.shape, generator=generator, dtype=torch.float64)
    features = context_features(s, a, s + change)
    net.measure(features)
    scale = change.flatten(0, -2).std(0).clamp(min=1e-3)
    torch.testing.assert_close(net.change_scale, scale)
    torch.testing.assert_close(net(features), plain(torch.cat((s, a, change / scale), -1)))
    far = context_features(s, a, s + 1e4)
    torch.testing.assert_close(net(far), plain(torch.cat((s, a, torch.full_like(s, 10.0)), -1)))


def test_only_an_encoder_of_changes_measures_them() -> None:
    net = encoder()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.measure(torch.randn(4, 7))
    assert net.state_dict().keys() == before.keys()
    for observed in (0, 4):
        with pytest.raises(InputError, match=f"of {observed} numbers each within the 7"):
            ContextEncoder(7, EncoderConfig(sees_changes=True), torch.Generator(), observed)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_a_stack_encodes_as_its_members_do(pooling: str) -> None:
    config = EncoderConfig(hidden=16, pooled=8, embedding=4, pooling=pooling, sees_changes=True)
    stack = ContextEncoder(7, config, initial_generators([0, 1, 2]), observed=3)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 2, 4, 6, 7, generator=generator)
    stack.measure(x)
    present = torch.tensor([[True, True, False, True], [True] * 4]).expand(3, -1, -1)
    kept = torch.rand(3, 2, 4, 6, generator=generator) < 0.7
    kept[..., 0] = True
    together = stack(x, present, kept)
    assert together.shape == (3, 2, 4)
    for index in range(3):
        alone = member(stack, index, ContextEncoder(7, config, None, observed=3))
        torch.testing.assert_close(together[index], alone(x[index], present[index], kept[index]))
        seeded = torch.Generator().manual_seed(index)
        fresh = ContextEncoder(7, config, seeded, observed=3).state_dict()
        for name, tensor in alone.state_dict().items():
            assert name == "change_scale" or torch.equal(tensor, fresh[name])
