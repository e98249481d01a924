"""A trained network as a scene: its header and its decoder."""

from __future__ import annotations

import torch
from torch import Tensor

from nerv360.scene import Attribution, Decoder, Scene, SceneHeader, TrainingSummary
from nerv360.training.trainer import Trainer


@torch.no_grad()
def trained_scene(trainer: Trainer, attribution: Attribution) -> Scene:
    """Return a scene of the best network's decoder and the embeddings of all frames, unrounded.

    Its quality is not yet measured. It holds all embeddings in float32; `export_scene` needs at
    most half of that.
    """
    network, frames = trainer.best_network(), trainer.frames
    codes = [
        network.encoder.embeddings(frames.frame(i, trainer.device)) for i in range(len(frames))
    ]
    coarsest, *finer = (torch.cat(level).float().cpu() for level in zip(*codes, strict=True))
    decoder = Decoder(
        config=trainer.config,
        weights=trained_weights(trainer),
        embeddings=coarsest,
        training=_summary(trainer),
        finer=tuple(finer),
        still=trainer.still,
    )
    header = scene_header(trainer, attribution)
    return Scene(
        header.attribution, header.width, header.height, header.fps, header.frames,
        {trainer.config.architecture: decoder}, header.fingerprint,
    )  # fmt: skip


def trained_weights(trainer: Trainer) -> dict[str, Tensor]:
    """Return copies of the weights of the best network's decoder, float32 on the CPU."""
    decoder = trainer.best_network().decoder
    return {name: weight.float().cpu().clone() for name, weight in decoder.state_dict().items()}


def scene_header(trainer: Trainer, attribution: Attribution) -> SceneHeader:
    """Return the header of a scene with one decoder, its quality not yet measured."""
    info, frames, name = trainer.frames.info, trainer.frames, trainer.config.architecture
    return SceneHeader(
        attribution=attribution,
        width=info.width,
        height=info.height,
        fps=info.fps,
        frames=len(frames),
        configs={name: trainer.config},
        trainings={name: _summary(trainer)},
        fingerprint=frames.fingerprint,
    )


def _summary(trainer: Trainer) -> TrainingSummary:
    shares, gain = trainer.frames.still_shares, trainer.late_gain_db()
    return TrainingSummary(
        epochs=trainer.step // trainer.steps_an_epoch,
        steps=trainer.step,
        psnr_db=None,
        ms_ssim=None,
        seconds=trainer.seconds,
        settings=trainer.settings.to_dict(),
        still_share=None if shares is None else round(shares.sphere, 4),
        late_gain_db=None if gain is None else round(gain, 3),
    )
