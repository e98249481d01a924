"""Export of a trained network as a decoder in a scene, and the quality that storing it costs."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from model.errors import InputError
from model.scene import (
    FINE,
    LEVELS,
    WEIGHT_BITS,
    Coarseness,
    Decoder,
    Material,
    Scene,
    TrainingSummary,
    coarsened,
    likeness,
    quantised,
    write_scene,
)
from model.training.autoencoder import Autoencoder
from model.training.material import ClipFrames
from model.training.quality import Quality, held_out_quality
from model.training.trainer import Trainer

_OF_WEIGHTS = 0.3
"""Share of what storing a scene may cost that is left to its weights."""


@dataclass(frozen=True)
class Export:
    """A scene as it will be stored, and its held-out quality before and after that.

    Attributes:
        coarseness: of what is stored; None where even the finest of the ladder cost too much, and
            embeddings have 256 levels and weights half precision.
    """

    scene: Scene
    before: Quality
    stored: Quality
    coarseness: Coarseness | None

    @property
    def cost(self) -> tuple[float, float | None]:
        """Decibels that storing it cost: on average and, where something moves, there."""
        moving = None
        if self.before.moving_db is not None and self.stored.moving_db is not None:
            moving = self.before.moving_db - self.stored.moving_db
        return self.before.psnr_db - self.stored.psnr_db, moving


@torch.no_grad()
def export_scene(trainer: Trainer, material: Material) -> Export:
    """A scene of the best network's decoder and the embeddings of all frames, as coarse as the
    settings' ``rate`` lets it be; the quality in its summary is that of what is stored.
    """
    whole, network = trained_scene(trainer, material), trainer.best_network()
    decoder = whole.decoders[trainer.config.architecture]
    before = held_out_quality(
        network,
        trainer.frames,
        trainer.times,
        trainer.settings.held_out,
        embeddings=[level.to(trainer.device) for level in (decoder.embeddings, *decoder.finer)],
    )

    @functools.cache
    def export(coarseness: Coarseness | None) -> Export:
        scene = quantised(whole) if coarseness is None else coarsened(whole, coarseness)
        return Export(scene, before, _measured(trainer, network, scene), coarseness)

    def is_cheap(coarseness: Coarseness, share: float = 1.0) -> bool:
        most = share * trainer.settings.rate
        return all(cost <= most for cost in export(coarseness).cost if cost is not None)

    # Apart: the weights of one network bear 8 bits where those of another are ruined.
    weights = [replace(FINE, weight_bits=bits) for bits in WEIGHT_BITS[:-1]]
    bits = WEIGHT_BITS[bisect.bisect_left(weights, True, key=lambda it: is_cheap(it, _OF_WEIGHTS))]
    ladder = [Coarseness(levels, bits) for levels in LEVELS]
    chosen = export([*ladder, None][bisect.bisect_left(ladder, True, key=is_cheap)])
    quality = _measured(trainer, network, chosen.scene, structure=True)
    name = trainer.config.architecture
    decoder = chosen.scene.decoders[name]
    summary = replace(
        decoder.training,
        psnr_db=round(quality.psnr_db, 3),
        moving_db=None if quality.moving_db is None else round(quality.moving_db, 3),
        ms_ssim=None if quality.ms_ssim is None else round(quality.ms_ssim, 5),
    )
    chosen.scene.decoders[name] = replace(decoder, training=summary)
    return replace(chosen, stored=quality)


@torch.no_grad()
def trained_scene(trainer: Trainer, material: Material) -> Scene:
    """A scene of the best network's decoder and the embeddings of all frames, as precise as they
    were trained; its quality is not yet measured.
    """
    network, frames = trainer.best_network(), trainer.frames
    codes = [
        network.encoder.embeddings(frames.frame(i, trainer.device)) for i in range(len(frames))
    ]
    embeddings = [torch.cat(level) for level in zip(*codes, strict=True)]
    return _scene(trainer, network, embeddings, material)


def _measured(
    trainer: Trainer, network: Autoencoder, scene: Scene, *, structure: bool = False
) -> Quality:
    """Held-out quality of a scene, with MS-SSIM where ``structure`` is asked for. The scene's
    weights are left in ``network``.
    """
    stored = scene.decoders[trainer.config.architecture]
    network.decoder.load_state_dict(stored.weights)
    return held_out_quality(
        network,
        trainer.frames,
        trainer.times,
        trainer.settings.held_out,
        embeddings=[level.to(trainer.device) for level in (stored.embeddings, *stored.finer)],
        structure=structure,
    )


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
        # Copies: to measure what is stored, its weights are loaded into this network.
        weights={k: v.float().cpu().clone() for k, v in network.decoder.state_dict().items()},
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
