"""What acts of a training: a moving average of its weights, and what that was at earlier times."""

from __future__ import annotations

import copy
import itertools

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from smile_bench.baselines.checkpoint import Tensors, pack_module, unpack_module
from smile_bench.baselines.encoder import ContextEncoder
from smile_bench.baselines.imitator import Acting
from smile_bench.baselines.networks import SquashedGaussianPolicy

__all__ = ["WeightAverage"]


class WeightAverage:
    """The exponential moving average of an encoder and its policy, and earlier states of it.

    average ← decay · average + (1 - decay) · latest after every iteration, begun at the first
    one's networks. Earlier states err in other ways than the last one does; those that act
    besides, by the mean of all actions, make an ensemble of one training (as in snapshot ensembles,
    Huang et al. 2017, arXiv:1704.00109, but without their cycles of the learning rate).

    Args:
        latest: the networks that are trained.
        decay: 0 for the latest networks themselves.
        snapshots: how many earlier states are kept, the last ones.
        every: one is kept every so many iterations.
    """

    def __init__(self, latest: Acting, decay: float, snapshots: int, every: int) -> None:
        self.latest = nn.ModuleList(latest)
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.latest, multi_avg_fn=average)
        self.snapshots, self.every = snapshots, every
        self.kept: list[nn.Module] = []
        """Earlier states of the averaged networks, the oldest first."""

    def update(self) -> None:
        """An iteration is over."""
        before = int(self.average.n_averaged)
        if self.snapshots and before and before % self.every == 0:
            self.kept = [*self.kept, copy.deepcopy(self.average.module)][-self.snapshots :]
        self.average.update_parameters(self.latest)

    @property
    def acting(self) -> list[Acting]:
        """Those that act, the latest average first."""
        pairs: list[Acting] = []
        for module in (self.average.module, *reversed(self.kept)):
            encoder, policy = module.children()
            assert isinstance(encoder, ContextEncoder)
            assert isinstance(policy, SquashedGaussianPolicy)
            pairs.append(Acting(encoder, policy))
        return pairs

    def tensors(self) -> Tensors:
        """Average and earlier states, to be checkpointed."""
        packed = pack_module("averaged", self.average)
        for index, module in enumerate(self.kept):
            packed |= pack_module(f"snapshot.{index}", module)
        return packed

    def restore(self, tensors: Tensors) -> None:
        """Put back what :meth:`tensors` gave."""
        unpack_module("averaged", self.average, tensors)
        self.kept = []
        for index in itertools.count():
            prefix = f"snapshot.{index}"
            if not any(name.startswith(f"{prefix}.") for name in tensors):
                break
            self.kept.append(copy.deepcopy(self.average.module))
            unpack_module(prefix, self.kept[-1], tensors)
