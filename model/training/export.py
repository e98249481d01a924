"""Export of a trained network as a decoder in a scene, and the quality that storing it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from model.errors import InputError
from model.scene import Decoder, Material, Scene, TrainingSummary, likeness, quantised, write_scene
from model.training.autoencoder import Autoencoder
from model.training.material import ClipFrames
from model.training.quality import Quality, held_out_quality
from model.training.trainer import Trainer


@dataclass(frozen=True)
class Export:
    """A scene as it will be stored, and its held-out quality before and after that."""

    scene: Scene
    before: Quality
    stored: Quality


@torch.no_grad()
def export_scene(trainer: Trainer, material: Material) -> Export:
    """A scene of the best network's decoder and the embeddings of all frames, in stored precision;
    the quality in its summary is that of what is stored.
    """
    architecture = trainer.config.architecture
    network, frames, device = trainer.best_network(), trainer.frames, trainer.device
    count = trainer.settings.held_out
    codes = [network.encoder.embeddings(frames.frame(i, device)) for i in range(len(frames))]
    embeddings = [torch.cat(level) for level in zip(*codes, strict=True)]
    before = held_out_quality(network, frames, trainer.times, count, embeddings=embeddings)
    scene = quantised(_scene(trainer, network, embeddings, material))
    stored = scene.decoders[architecture]
    network.decoder.load_state_dict(stored.weights)
    quality = held_out_quality(
        network,
        frames,
        trainer.times,
        count,
        embeddings=[level.to(device) for level in (stored.embeddings, *stored.finer)],
        structure=True,
    )
    summary = replace(
        stored.training,
        psnr_db=round(quality.psnr_db, 3),
        moving_db=None if quality.moving_db is None else round(quality.moving_db, 3),
        ms_ssim=None if quality.ms_ssim is None else round(quality.ms_ssim, 5),
    )
    scene.decoders[architecture] = replace(stored, training=summary)
    return Export(scene, before, quality)


@torch.no_grad()
def rehearse(trainer: Trainer, material: Material, existing: Scene | None, target: Path) -> None:
    """Store what an untrained network would be as a scene beside ``target``, and remove it again,
    so that nothing that could refuse the scene is found out after training.

    Raises:
        InputError: the scene cannot be what it would be, or cannot be written there.
    """
    network, frames = trainer.network, trainer.frames
    first = network.encoder.embeddings(frames.frame(0, trainer.device))
    embeddings = [level.expand(len(frames), *level.shape[1:]) for level in first]
    scene = _scene(trainer, network, embeddings, material)
    rehearsal = target.with_name(f".{target.name}.rehearsal")
    try:
        write_scene(rehearsal, merged(existing, scene) if existing is not None else scene)
    except InputError as error:
        raise InputError(str(error).replace(str(rehearsal), str(target))) from error
    finally:
        rehearsal.unlink(missing_ok=True)


def _scene(
    trainer: Trainer, network: Autoencoder, embeddings: Sequence[Tensor], material: Material
) -> Scene:
    """The clip with one decoder, its quality not yet measured."""
    coarsest, *finer = (level.float().cpu() for level in embeddings)
    summary = TrainingSummary(
        epochs=trainer.step // trainer.steps_an_epoch,
        steps=trainer.step,
        psnr_db=None,
        ms_ssim=None,
        seconds=trainer.seconds,
        settings=trainer.settings.to_dict(),
    )
    decoder = Decoder(
        config=trainer.config,
        weights={k: v.float().cpu() for k, v in network.decoder.state_dict().items()},
        embeddings=coarsest,
        training=summary,
        finer=tuple(finer),
        still=trainer.still,
    )
    info, frames = trainer.frames.info, trainer.frames
    return Scene(
        material=material,
        width=info.width,
        height=info.height,
        fps=info.fps,
        frames=len(frames),
        decoders={trainer.config.architecture: decoder},
        fingerprint=frames.fingerprint,
    )


def merged(existing: Scene, addition: Scene) -> Scene:
    """``existing`` with the decoders of ``addition``, of the same clip, added or replaced."""
    return replace(
        existing,
        decoders={**existing.decoders, **addition.decoders},
        fingerprint=existing.fingerprint or addition.fingerprint,
    )


def check_same_clip(existing: Scene, frames: ClipFrames) -> None:
    """Make sure that a decoder of these frames can be added to ``existing``.

    Raises:
        InputError: the scene is known to be of another clip.
    """
    sizes = {
        "width": (existing.width, frames.info.width),
        "height": (existing.height, frames.info.height),
        "frames": (existing.frames, len(frames)),
    }
    for name, (ours, theirs) in sizes.items():
        if ours != theirs:
            raise InputError(
                f"the scene's {name} is {ours} and the clip's {theirs}; both decoders must be of "
                f"the same clip"
            )
    if existing.fingerprint is None or frames.fingerprint is None:
        return
    if not likeness(existing.fingerprint, frames.fingerprint.samples).alike:
        raise InputError(
            "the scene was trained on another clip, with other pictures; both decoders must be of "
            "the same clip"
        )
