"""Optimisers of a training, and what they keep."""

from __future__ import annotations

from pytorch_optimizer import SOAP, Adan
from torch import nn
from torch.optim import Optimizer

from nerv360.training.settings import TrainingSettings

_PRECONDITIONED = 256
"""Longest side of a weight that SOAP has a preconditioner for.

Those of longer sides cost more time than they save steps.
"""


def make_optimiser(network: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Return the optimiser of ``settings`` for the parameters of ``network``."""
    parameters, rate = network.parameters(), settings.learning_rate
    if settings.optimiser == "soap":
        return SOAP(parameters, lr=rate, max_precondition_dim=_PRECONDITIONED)
    return Adan(parameters, lr=rate, foreach=True)


def optimiser_bytes(network: nn.Module, settings: TrainingSettings) -> int:
    """Return the bytes of the state that the optimiser of ``settings`` keeps of ``network``."""
    values = 0
    for parameter in network.parameters():
        if settings.optimiser != "soap":
            values += 4 * parameter.numel()
            continue
        values += 2 * parameter.numel()
        if parameter.dim() > 1:
            sides = [side for side in parameter.shape if side <= _PRECONDITIONED]
            values += 2 * sum(side**2 for side in sides)
    return 4 * values
