"""What acts of a training: the running mean of its weights, and what that was at earlier times."""

from __future__ import annotations

import copy
import itertools

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from smile_bench.baselines.checkpoint import Tensors, pack_module, unpack_module
from smile_bench.baselines.encoder import ContextEncoder
from smile_bench.baselines.imitator import Acting
from smile_bench.baselines.networks import SquashedGaussianPolicy

__all__ = ["RunningMeans"]


class RunningMeans:
    """The running mean over iterations of an encoder and its policy, and earlier states of it.

    Earlier states err in other ways than the latest does, so that all of them act better by the
    mean of their actions than each does alone, for no more training (snapshot ensembles, Huang et
    al. 2017, arXiv:1704.00109, without their cycles of the learning rate).

    Args:
        latest: the networks that are trained.
        share: to which what was before an iteration counts; 0 for the latest alone.
        snapshots: how many earlier states are kept.
        every: iterations between two of them.
    """

    def __init__(self, latest: Acting, share: float, snapshots: int, every: int) -> None:
        self.latest = nn.ModuleList(latest)
        mean = get_ema_multi_avg_fn(share)  # type: ignore[no-untyped-call]
        self.mean = AveragedModel(self.latest, multi_avg_fn=mean)
        self.snapshots, self.every = snapshots, every
        self.kept: list[nn.Module] = []
        """Earlier states of the mean's networks, the oldest first."""
        self.updates = 0

    def update(self) -> None:
        """An iteration is over."""
        if self.snapshots and self.updates and self.updates % self.every == 0:
            self.kept = [*self.kept, copy.deepcopy(self.mean.module)][-self.snapshots :]
        self.mean.update_parameters(self.latest)
        self.updates += 1

    @property
    def acting(self) -> list[Acting]:
        """Those that act, the latest mean first."""
        pairs: list[Acting] = []
        for module in (self.mean.module, *reversed(self.kept)):
            encoder, policy = module.children()
            assert isinstance(encoder, ContextEncoder)
            assert isinstance(policy, SquashedGaussianPolicy)
            pairs.append(Acting(encoder, policy))
        return pairs

    def tensors(self) -> Tensors:
        """Mean and earlier states, to be checkpointed."""
        packed = pack_module("averaged", self.mean)
        for index, module in enumerate(self.kept):
            packed |= pack_module(f"snapshot.{index}", module)
        return packed

    def restore(self, tensors: Tensors, updates: int) -> None:
        """Put back what :meth:`tensors` gave after so many updates."""
        unpack_module("averaged", self.mean, tensors)
        self.updates, self.kept = updates, []
        for index in itertools.count():
            prefix = f"snapshot.{index}"
            if not any(name.startswith(f"{prefix}.") for name in tensors):
                break
            self.kept.append(copy.deepcopy(self.mean.module))
            unpack_module(prefix, self.kept[-1], tensors)
