"""Frames and looks for a training: one clip, and where it moves."""

from nerv360.training.dataset.activity import ActivityMap, covered_directions, still_share
from nerv360.training.dataset.clip_frames import WHOLE, ClipFrames, fit_config, fitted, read_clip
from nerv360.training.dataset.sampling import epoch_order, held_out_looks, random_looks

__all__ = [
    "WHOLE",
    "ActivityMap",
    "ClipFrames",
    "covered_directions",
    "epoch_order",
    "fit_config",
    "fitted",
    "held_out_looks",
    "random_looks",
    "read_clip",
    "still_share",
]
