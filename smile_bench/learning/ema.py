"""What acts of a training: an exponential moving average of its weights."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from smile_bench.baselines.imitation.encoder import ContextEncoder
from smile_bench.baselines.imitation.imitator import Acting
from smile_bench.learning.checkpoint import Tensors, pack_module, unpack_module
from smile_bench.learning.networks import SquashedGaussianPolicy

__all__ = ["EMA"]


class EMA:
    """The exponential moving average of an encoder and its policy.

    average ← decay · average + (1 - decay) · latest after every iteration, begun at the first
    one's networks.

    Args:
        latest: the networks that are trained.
        decay: 0 for the latest networks themselves.
    """

    def __init__(self, latest: Acting, decay: float) -> None:
        self.latest = nn.ModuleList(latest)
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.latest, multi_avg_fn=average)

    def update(self) -> None:
        """An iteration is over."""
        self.average.update_parameters(self.latest)

    @property
    def acting(self) -> Acting:
        """The averaged networks."""
        encoder, policy = self.average.module.children()
        assert isinstance(encoder, ContextEncoder)
        assert isinstance(policy, SquashedGaussianPolicy)
        return Acting(encoder, policy)

    def tensors(self) -> Tensors:
        """The average, to be checkpointed."""
        return pack_module("averaged", self.average)

    def restore(self, tensors: Tensors) -> None:
        """Put back what :meth:`tensors` gave."""
        unpack_module("averaged", self.average, tensors)
