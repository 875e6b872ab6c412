"""The reward learner of SMILe: encoder, discriminator, final-state predictor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smile_bench.baselines.imitation.encoder import ContextEncoder
from smile_bench.baselines.imitation.final_state import FinalStatePredictor
from smile_bench.baselines.smile.config import SMILeConfig
from smile_bench.baselines.smile.discriminator import Discriminator
from smile_bench.learning.checkpoint import (
    Tensors,
    pack_module,
    pack_optimizer,
    unpack_module,
    unpack_optimizer,
)
from smile_bench.learning.optimizers import VectorAdam

__all__ = ["RewardLearner"]


class RewardLearner:
    """The networks that a step on the discriminator's loss changes.

    Args:
        config: settings.
        encoder: of contexts, on the device.
        observed: O, length of an observation.
        actions: A.
        generator: draws the discriminator's initial weights.
        device: where the networks lie.
    """

    def __init__(
        self,
        config: SMILeConfig,
        encoder: ContextEncoder,
        observed: int,
        actions: int,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.encoder, self.rate = encoder, config.discriminator_rate
        judged, code = observed + (observed if config.state_only else actions), config.encoder.code
        widths, projected = config.discriminator_hidden, config.projection
        discriminator = Discriminator(judged, code, widths, generator, projection=projected)
        self.discriminator = discriminator.to(device)
        own = torch.Generator().manual_seed(config.seed)
        self.outcome = FinalStatePredictor(observed, code, own).to(device)
        trained: list[nn.Module] = [self.encoder, self.discriminator]
        trained += [self.outcome] if config.outcome > 0.0 else []
        self._adam = VectorAdam(
            trained,
            self.rate,
            betas=(config.discriminator_momentum, 0.999),
            weight_decay=config.weight_decay,
        )

    def step(self, loss: Tensor) -> None:
        """One step down the loss, which reaches no other network."""
        self._adam.step(loss)

    def set_learning_rate(self, factor: float) -> None:
        """Scale the configured learning rate."""
        self._adam.set_rate(self.rate * factor)

    def tensors(self) -> Tensors:
        """Weights and the optimizer's state, to be checkpointed."""
        return {
            **pack_module("encoder", self.encoder),
            **pack_module("discriminator", self.discriminator),
            **pack_module("outcome", self.outcome),
            **pack_optimizer("optimizer.discriminator", self._adam.optimizer),
        }

    def restore(self, tensors: Tensors) -> None:
        """Put back what :meth:`tensors` gave."""
        unpack_module("encoder", self.encoder, tensors)
        unpack_module("discriminator", self.discriminator, tensors)
        unpack_module("outcome", self.outcome, tensors)
        unpack_optimizer("optimizer.discriminator", self._adam.optimizer, tensors)
