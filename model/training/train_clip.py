"""Training as one call: a clip in, a scene out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from nerv360.devices import choose_device
from nerv360.scene import Attribution, Scene, read_scene, write_coded
from nerv360.training.by_clock import ByClock
from nerv360.training.choice import suited_to_clip
from nerv360.training.clock import check_minutes
from nerv360.training.dataset import fit_config, read_clip
from nerv360.training.export import export_scene
from nerv360.training.processes import Processes
from nerv360.training.settings import training_preset, with_changes
from nerv360.training.trainer import StepReport, Trainer
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
    began = time.monotonic()
    if minutes is not None:
        check_minutes(minutes)
    opened = clip if isinstance(clip, Clip) else open_clip(clip)
    config, settings = training_preset(preset, architecture)
    config, settings = with_changes(config, settings, changes or {})
    config = fit_config(config, opened.info, str(opened.path))
    frames = read_clip(opened, (config.frame_height, config.frame_width))
    if preset == "demo":
        config, settings, _ = suited_to_clip(config, settings, frames, set(changes or {}))
    trainer = Trainer(config, settings, frames, choose_device(device), Processes())
    if minutes is not None:
        ByClock(minutes, began).plan(trainer)
    attribution = Attribution(opened.path.stem, "unknown", "unknown", opened.path.name)
    with tempfile.TemporaryDirectory() as folder:
        trainer.run(Path(folder) / "checkpoint", report, stop)
        file = Path(folder) / "scene.safetensors"
        write_coded(file, export_scene(trainer, attribution).scene)
        return read_scene(file)
