"""Rehearsal of the end of a training, which finds what could refuse its scene."""

from __future__ import annotations

from pathlib import Path

import torch

from nerv360.errors import InputError
from nerv360.progress import stage
from nerv360.scene import (
    FINE,
    Attribution,
    CodedScene,
    assembled,
    kept_weights,
    merged,
    write_coded,
)
from nerv360.training.export.embeddings import TrainedEmbeddings
from nerv360.training.export.scene import scene_header, trained_weights
from nerv360.training.trainer import Trainer


@torch.no_grad()
def rehearse(
    trainer: Trainer, attribution: Attribution, existing: CodedScene | None, target: Path
) -> int:
    """Store the scene of an untrained network beside ``target``, and remove it again.

    Returns:
        the most bytes that the trained scene can take there.

    Raises:
        InputError: the scene would be refused, or cannot be written there.
    """
    frames, rehearsal = len(trainer.frames), target.with_name(f".{target.name}.rehearsal")
    with stage("trying to store the scene"):
        first = trainer.network.encoder.embeddings(trainer.frames.frame(0, trainer.device))
        single = TrainedEmbeddings(trainer.config, 1)
        single.put(0, first)
        weights = {name: kept_weights(weight) for name, weight in trained_weights(trainer).items()}
        embeddings = single.coded(FINE, [0] * frames, quick=True)
        scene = assembled(scene_header(trainer, attribution), weights, embeddings, trainer.still)
        try:
            write_coded(rehearsal, merged(existing, scene) if existing is not None else scene)
            size = rehearsal.stat().st_size
        except InputError as error:
            raise InputError(str(error).replace(str(rehearsal), str(target))) from error
        finally:
            rehearsal.unlink(missing_ok=True)
    return size + frames * sum(level.numel() for level in first)
