"""Settings of a training: presets, and changes to their numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.networks import ARCHITECTURES, checked

OPTIMISERS = ("adan", "soap")
"""The optimiser of the paper and of Boosting-NeRV, and SOAP.

SOAP learns more in the same number of steps, which take a fifth longer (docs/quality.md).
"""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training; the defaults are the paper's (section 3.1).

    Attributes:
        epochs: passes over the frames.
        steps: steps of the whole training; 0 leaves that to ``epochs``.
        viewports: looks decoded from one encoder pass, drawn again at every step.
        optimiser: one of `OPTIMISERS`.
        learning_rate: peak of the cosine schedule.
        warmup: share of the epochs in which the rate rises to its peak.
        looks_at_motion: share of the looks drawn towards motion, if there is a still panorama; the
            others are uniform on the sphere.
        loss_balance, loss_alpha: λ and α of equation 2.
        held_out: number of looks for evaluation; they are not trained on.
        evaluate_every: epochs between two evaluations on them.
        checkpoint_s: seconds between two checkpoints, which are written at the end of an epoch.
        rate: decibels of held-out quality, of all and of moving pixels, that storing in few bytes
            may cost.
        crops: full-frame decoders are trained on crops as large as a viewport, one per step,
            instead of whole frames. (Stored scenes and checkpoints call it ``windows``.)
        seed: of initial weights, frame order and looks.
    """

    epochs: int = 300
    steps: int = 0
    viewports: int = 1
    optimiser: str = "adan"
    learning_rate: float = 1e-4
    warmup: float = 0.1
    looks_at_motion: float = 0.0
    loss_balance: float = 60.0
    loss_alpha: float = 0.7
    held_out: int = 24
    evaluate_every: int = 5
    checkpoint_s: float = 120.0
    rate: float = 0.1
    crops: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "epochs": (1, 100_000),
            "steps": (0, 100_000_000),
            "viewports": (1, 64),
            "learning_rate": (1e-7, 1.0),
            "warmup": (0.0, 0.9),
            "looks_at_motion": (0.0, 1.0),
            "loss_balance": (0.0, 1e6),
            "loss_alpha": (0.0, 1.0),
            "held_out": (1, 4096),
            "evaluate_every": (1, 100_000),
            "checkpoint_s": (0.0, 86_400.0),
            "rate": (0.0, 100.0),
            "seed": (0, 2**20),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} must be between {low:g} and {high:g}, not {value!r}")
        if self.optimiser not in OPTIMISERS:
            known = " or ".join(OPTIMISERS)
            raise InputError(f"optimiser must be {known}, not {self.optimiser!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, by the names in scenes and checkpoints."""
        return dataclasses.asdict(self, dict_factory=stored_names)


def stored_names(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return fields by the names that they have in scenes; a factory of `dataclasses.asdict`."""
    return {"windows" if name == "crops" else name: value for name, value in fields}


TRAINING_PRESETS: dict[str, TrainingSettings] = {
    "paper": TrainingSettings(),
    "demo": TrainingSettings(epochs=100, optimiser="soap", learning_rate=3e-3, crops=True),
}


def training_preset(name: str, architecture: str) -> tuple[ModelConfig, TrainingSettings]:
    """Return network and training of preset ``name`` for one architecture.

    Raises:
        InputError: there is no such preset or architecture.
    """
    if name not in TRAINING_PRESETS:
        raise InputError(f"the preset must be one of {', '.join(TRAINING_PRESETS)}, not {name!r}")
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise InputError(f"the architecture must be one of {known}, not {architecture!r}")
    presets = ARCHITECTURES[architecture].presets
    if name not in presets:
        raise InputError(f"{architecture} has no preset {name}, only {', '.join(presets)}")
    return presets[name], TRAINING_PRESETS[name]


def with_changes(
    config: ModelConfig, settings: TrainingSettings, changes: Mapping[str, str]
) -> tuple[ModelConfig, TrainingSettings]:
    """Return both with the fields named in ``changes`` set to the given values.

    Args:
        changes: values as text, by name of a field of either: ``true`` or ``false``, a number, or
            whole numbers separated by commas.

    Raises:
        InputError: there is no field of that name, or its value does not fit.
    """
    network: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for name, text in changes.items():
        for owner, changed in ((config, network), (settings, training)):
            if name in {field.name for field in dataclasses.fields(owner)}:
                changed[name] = _parsed(name, text, getattr(owner, name))
                break
        else:
            known = [f.name for o in (config, settings) for f in dataclasses.fields(o)]
            raise InputError(f"{name}: there is no such number; known are {', '.join(known)}")
    return checked(config.replace(**network)), dataclasses.replace(settings, **training)


def _parsed(name: str, text: str, present: Any) -> Any:
    try:
        if isinstance(present, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(present, tuple):
            return tuple(int(item) for item in text.split(","))
        return type(present)(text)
    except (ValueError, KeyError):
        kind = {bool: "true or false", tuple: "whole numbers with commas", int: "a whole number"}
        wanted = kind.get(type(present), "a number")
        raise InputError(f"{name} needs {wanted}, not {text!r}") from None
