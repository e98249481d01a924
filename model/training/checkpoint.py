"""Checkpoints that survive a kill: written beside, renamed, and read without pickle's dangers."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from model.errors import InputError
from model.files import atomic_write


def checkpoint_path(scene: Path) -> Path:
    """File of the checkpoint of the training that writes ``scene``."""
    return scene.with_name(scene.name + ".checkpoint")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values so that a reader sees the old state or the new, never half.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with atomic_write(path) as partial, partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch's own, where the disk is full
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"the checkpoint {path} cannot be written: {reason}") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, on the CPU; objects other than tensors and plain
    values are refused.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}: train from the beginning")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is damaged and cannot be read: train from the beginning"
        ) from error
    if not isinstance(state, dict) or "step" not in state:
        raise InputError(f"{path} is not the checkpoint of a training: train from the beginning")
    return state
