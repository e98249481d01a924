"""Training as one call: a clip in, a scene out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from nerv360.devices import choose_device
from nerv360.scene import Attribution, Scene, read_scene
from nerv360.training.by_clock import ByClock
from nerv360.training.clock import check_minutes
from nerv360.training.course import Training
from nerv360.training.settings import training_preset
from nerv360.training.trainer import StepReport
from nerv360.video import Clip, open_clip


def train_clip(
    clip: Clip | str | os.PathLike[str],
    *,
    preset: str = "demo",
    architecture: str = "nerv360",
    minutes: float | None = None,
    changes: Mapping[str, str] | None = None,
    device: str = "auto",
    report: Callable[[StepReport], None] = lambda step: None,
    stop: Callable[[], bool] = lambda: False,
) -> Scene:
    """Train a decoder on a clip and return its scene, as `write_scene` stores it.

    It runs in this process and keeps no checkpoint; `nerv360 train` does.

    Args:
        clip: a file or folder, or a clip that is open.
        preset: ``demo``, which chooses by what the clip shows, or ``paper``.
        architecture: ``nerv360``, ``hnerv`` or ``hnerv-boost``.
        minutes: that it takes; None for the preset's number of epochs.
        changes: values of settings by name, as ``train --set`` takes them.
        device: as `open_engine` takes it.
        report: called after each step.
        stop: asked after each step; True ends the training early.

    Raises:
        InputError: the clip cannot be read, something given cannot be used, or the training
            diverged.
    """
    clock = None
    if minutes is not None:
        check_minutes(minutes)
        clock = ByClock(minutes, time.monotonic())
    opened = clip if isinstance(clip, Clip) else open_clip(clip)
    attribution = Attribution(opened.path.stem, "unknown", "unknown", opened.path.name)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(
            opened,
            Path(folder) / "scene.safetensors",
            *training_preset(preset, architecture),
            attribution,
            choose_device(device),
            changes=changes or {},
            suits=preset == "demo",
            clock=clock,
        )
        with training.prepared():
            training.plan()
            training.take_steps(report, stop)
            training.store()
        return read_scene(training.target)
