"""Checkpoints: the state of a training in a file, checked before the training continues."""

from nerv360.training.checkpoint.file import (
    check_replaceable,
    checkpoint_path,
    discard_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from nerv360.training.checkpoint.state import TrainingState, check_optimiser

__all__ = [
    "TrainingState",
    "check_optimiser",
    "check_replaceable",
    "checkpoint_path",
    "discard_checkpoint",
    "load_checkpoint",
    "save_checkpoint",
]
