"""Which training belongs to which preset of the network."""

from __future__ import annotations

from model.config import ModelConfig, preset
from model.errors import InputError
from model.training.settings import TrainingSettings

TRAINING: dict[str, TrainingSettings] = {
    "paper": TrainingSettings(),
    "demo": TrainingSettings(epochs=100, learning_rate=5e-3, windows=True),
}


def training_preset(name: str, architecture: str) -> tuple[ModelConfig, TrainingSettings]:
    """Network and training of preset ``name`` for one of the three architectures.

    Raises:
        InputError: there is no such preset or architecture.
    """
    if name not in TRAINING:
        raise InputError(f"--preset must be auto or one of {', '.join(TRAINING)}, not {name!r}")
    if architecture not in ("nerv360", "hnerv", "hnerv-boost"):
        raise InputError(f"--model must be nerv360, hnerv or hnerv-boost, not {architecture!r}")
    suffix = "" if architecture == "nerv360" else f"-{architecture}"
    return preset(name + suffix), TRAINING[name]
