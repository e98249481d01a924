"""How long, how fast and how a network is trained."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from model.errors import InputError


@dataclass(frozen=True)
class TrainingSettings:
    """The training of section 3.1; the defaults are the paper's.

    Attributes:
        epochs: passes over the frames.
        viewports: looks decoded from one encoder pass, drawn anew at every step.
        learning_rate: peak of the cosine schedule.
        warmup: share of the epochs in which the rate rises to its peak.
        loss_balance, loss_alpha: λ and α of equation 2.
        held_out: looks that the training is judged by, never trained on as such.
        evaluate_every: epochs between two evaluations on them.
        checkpoint_s: seconds between two checkpoints, which are written at the end of an epoch.
        windows: full-frame decoders are trained on parts of the frame as large as a viewport, one
            a step, instead of on whole frames.
        seed: of initial weights, order of frames and looks.
    """

    epochs: int = 300
    viewports: int = 1
    learning_rate: float = 1e-4
    warmup: float = 0.1
    loss_balance: float = 60.0
    loss_alpha: float = 0.7
    held_out: int = 24
    evaluate_every: int = 5
    checkpoint_s: float = 120.0
    windows: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "epochs": (1, 100_000),
            "viewports": (1, 64),
            "learning_rate": (1e-7, 1.0),
            "warmup": (0.0, 0.9),
            "loss_balance": (0.0, 1e6),
            "loss_alpha": (0.0, 1.0),
            "held_out": (1, 4096),
            "evaluate_every": (1, 100_000),
            "checkpoint_s": (0.0, 86_400.0),
            "seed": (0, 2**20),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} must be between {low:g} and {high:g}, not {value!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)
