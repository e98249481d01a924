"""State of a training in a checkpoint, checked before the training continues."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.scene import FORMAT_VERSION
from nerv360.training.dataset import ClipFrames
from nerv360.training.settings import TrainingSettings

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class TrainingState:
    """The state of a training between two steps.

    Attributes:
        identity: values that must be the same for a training to go on with it.
        network, best: weights now, and those that did best on the held-out looks; ``best`` is
            empty before the first evaluation.
        optimiser: its state dict.
        scaler: state dict of the loss's scale in float16; empty in other number types.
        step, steps: done, and planned.
        evaluate_every: steps between two evaluations.
        seconds: that the steps took.
        psnr_db, best_psnr_db, moving_db: latest and best held-out quality, if known.
    """

    identity: dict[str, Any]
    network: Weights
    best: Weights
    optimiser: dict[str, Any]
    scaler: dict[str, Any]
    step: int
    steps: int
    evaluate_every: int
    seconds: float
    psnr_db: float | None
    best_psnr_db: float | None
    moving_db: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name; tensors are not copied."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingState:
        """Return the state with the fields that `to_dict` returned.

        Raises:
            InputError: a field is missing, unknown or of the wrong kind.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if missing := sorted(names - set(values)):
            raise InputError(f"it lacks {missing[0]}")
        if len(values) != len(names):
            raise InputError("it has a field that no training has")
        for name in ("identity", "network", "best", "optimiser", "scaler"):
            if not isinstance(values[name], dict):
                raise InputError(f"its {name} is no map")
        for name, least in (("step", 0), ("steps", 0), ("evaluate_every", 1)):
            if type(values[name]) is not int or values[name] < least:
                raise InputError(f"its {name} is no whole number")
        for name in ("seconds", "psnr_db", "best_psnr_db", "moving_db"):
            value = values[name]
            known = type(value) is float and not math.isnan(value)
            if not known and (value is not None or name == "seconds"):
                raise InputError(f"its {name} is no number")
        return cls(**values)

    def check_identity(self, expected: Mapping[str, Any]) -> None:
        """Check that the state belongs to the training with the identity ``expected``.

        Raises:
            InputError: it is of another one; the sentence names what differs.
        """
        for key, value in expected.items():
            found = self.identity.get(key)
            if not _is_same(found, value):
                raise InputError(
                    f"it was made with another {key}{_difference(found, value)}: give the options "
                    f"of the first run, or train from the beginning"
                )

    def check_end(self, steps: int, settings: TrainingSettings, steps_an_epoch: int) -> None:
        """Check that a training of ``steps`` steps may go on with it.

        Raises:
            InputError: it has as many steps already, and is not that training's own end.
        """
        complete = self.step == steps == self.steps
        if self.step < steps or complete:
            return
        wanted = f"{settings.epochs} epochs have {steps}"
        more = f"{-(-self.step // steps_an_epoch)} epochs"
        if settings.steps:
            wanted, more = f"{steps} are wanted", f"{self.step} steps"
        raise InputError(f"it has {self.step} steps already, and {wanted}: give more than {more}")

    def check_weights(self, expected: Mapping[str, Tensor]) -> None:
        """Check that its weights fit a network whose weights are ``expected``.

        Raises:
            InputError: one is missing, too many, or has another shape or type.
        """
        for part, weights in (("network", self.network), ("best", self.best)):
            if part == "best" and not weights:
                continue
            if list(weights) != list(expected):
                raise InputError(f"its {part} has weights of other names")
            for name, tensor in expected.items():
                found = weights[name]
                fits = isinstance(found, Tensor) and found.layout == torch.strided
                if not fits or (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
                    raise InputError(f"the weight {name} of its {part} has another shape or type")

    def check_scaler(self, expected: Mapping[str, Any]) -> None:
        """Check that its scaler has the fields of ``expected``, all of them numbers.

        Raises:
            InputError: it has not.
        """
        numbers = all(type(value) in (int, float) for value in self.scaler.values())
        if set(self.scaler) != set(expected) or not numbers:
            raise InputError("the scale of its loss is in no state that this training can have")


def training_identity(
    config: ModelConfig, settings: TrainingSettings, frames: ClipFrames, processes: int
) -> dict[str, Any]:
    """Return the values that must be the same for a training to go on with a checkpoint."""
    free = ("checkpoint_s", "epochs", "steps", "rate")
    return {
        "version of the networks": FORMAT_VERSION,
        "network": config.to_dict(),
        "training": {k: v for k, v in settings.to_dict().items() if k not in free},
        "clip": [len(frames), frames.digest],
        "number of processes": processes,
    }


def check_optimiser(
    state: dict[str, Any], network: nn.Module, make: Callable[[nn.Module], Optimizer]
) -> None:
    """Check an optimiser's state by a step of a copy of ``network`` without gradients.

    Raises:
        InputError: an optimiser that ``make`` gives cannot go on with it.
    """
    trial = copy.deepcopy(network)
    try:
        optimiser = make(trial)
        optimiser.load_state_dict(copy.deepcopy(state))
        for parameter in trial.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimiser.step()
    except Exception as error:  # a state of another form can raise anything
        raise InputError("its optimiser is in no state that this training can have") from error


def _difference(found: object, expected: object) -> str:
    """Return the first value by which two maps differ, in brackets."""
    if not (isinstance(found, dict) and isinstance(expected, dict)):
        return ""
    for name, value in expected.items():
        if not _is_same(found.get(name), value):
            return f" ({name} is {_short(value)} now, and was {_short(found.get(name))})"
    return ""


def _is_same(one: object, other: object) -> bool:
    """Compare plain values; other kinds of values never compare equal."""
    try:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return False


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
