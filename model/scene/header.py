"""Header of a scene file: everything except the tensors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.networks import ARCHITECTURES, checked
from nerv360.scene.chapters import WHOLE, chapter_lengths, check_chapter
from nerv360.scene.fields import (
    ATTRIBUTION,
    CHAPTERS_VERSION,
    DECODER,
    FORMAT_VERSION,
    SOUND,
    SOUND_VERSION,
    TRAINING,
    Json,
    checked_fields,
    scene_fields,
)
from nerv360.scene.fingerprint import Fingerprint
from nerv360.text import quoted

UNKNOWN = ("", "unknown")
"""Texts that stand for an unnamed licence or credit."""


@dataclass(frozen=True)
class Attribution:
    """Source of a clip and the terms of its use.

    Attributes:
        title, licence, credit: as stated by the source; up to 2000 characters each.
        source: file name of the clip.
    """

    title: str
    licence: str
    credit: str
    source: str

    @property
    def terms(self) -> tuple[str, ...]:
        """Credit and licence, as far as they are known."""
        return tuple(text for text in (self.credit, self.licence) if text not in UNKNOWN)


@dataclass(frozen=True)
class TrainingSummary:
    """Origin and quality of a decoder.

    Attributes:
        epochs, steps: passes over the clip and optimiser steps made.
        psnr_db, ms_ssim: quality on held-out looks; None if not measured.
        seconds: time spent training.
        settings: other values needed to repeat the training, as plain JSON.
        moving_db: PSNR of the moving pixels in those looks; None if nothing moves.
        still_share: share of the sphere, 0 to 1, that stands still; None if not measured.
        late_gain_db: PSNR on held-out looks that the last third of the steps gained; None if not
            measured.
    """

    epochs: int
    steps: int
    psnr_db: float | None
    ms_ssim: float | None
    seconds: float
    settings: dict[str, Json] = field(default_factory=dict)
    moving_db: float | None = None
    still_share: float | None = None
    late_gain_db: float | None = None


@dataclass(frozen=True)
class SceneHeader:
    """Everything of a scene except its tensors.

    Attributes:
        width, height: pixels of the source clip.
        fps: its pictures per second.
        frames: number of learned pictures.
        configs, trainings: by decoder name; the same names in both, at least one.
        fingerprint: of the learned pictures; None if unknown.
        sound_channels: of its sound: 1, 2, or 4 of first-order ambisonics; None without sound.
        chapters: their first frames, rising from 0.
    """

    attribution: Attribution
    width: int
    height: int
    fps: float
    frames: int
    configs: dict[str, ModelConfig]
    trainings: dict[str, TrainingSummary]
    fingerprint: Fingerprint | None = None
    sound_channels: int | None = None
    chapters: tuple[int, ...] = WHOLE

    def only(self, decoder: str) -> SceneHeader:
        """Return the header of a scene with only this decoder."""
        return replace(
            self,
            configs={decoder: self.configs[decoder]},
            trainings={decoder: self.trainings[decoder]},
        )

    def of_chapter(self, chapter: int) -> SceneHeader:
        """Return the header of one chapter as a scene, without the clip's fingerprint and sound.

        A scene with one chapter is returned unchanged.

        Raises:
            InputError: there is no such chapter.
        """
        check_chapter(chapter, self.chapters)
        if len(self.chapters) == 1:
            return self
        frames = chapter_lengths(self.chapters, self.frames)[chapter]
        return replace(
            self, frames=frames, fingerprint=None, sound_channels=None, chapters=WHOLE
        )  # fmt: skip


def joined_summary(parts: Sequence[TrainingSummary], frames: Sequence[int]) -> TrainingSummary:
    """Sum up the trainings of a clip's chapters; qualities are averaged over the frames.

    Args:
        frames: number of frames of each chapter.
    """

    def mean(values: list[float | None]) -> float | None:
        known = [(v, n) for v, n in zip(values, frames, strict=True) if v is not None]
        count = sum(n for _, n in known)
        return sum(v * n for v, n in known) / count if count else None

    return TrainingSummary(
        epochs=max(part.epochs for part in parts),
        steps=sum(part.steps for part in parts),
        psnr_db=mean([part.psnr_db for part in parts]),
        ms_ssim=mean([part.ms_ssim for part in parts]),
        seconds=sum(part.seconds for part in parts),
        settings={**parts[0].settings, "chapters_psnr_db": [part.psnr_db for part in parts]},
        moving_db=mean([part.moving_db for part in parts]),
        still_share=mean([part.still_share for part in parts]),
        late_gain_db=mean([part.late_gain_db for part in parts]),
    )


def header_to_json(header: SceneHeader) -> str:
    """Return the header as text for `header_from_json`.

    Raises:
        InputError: a field is out of range.
    """
    scene = {
        "material": asdict(header.attribution),
        "width": header.width,
        "height": header.height,
        "fps": header.fps,
        "frames": header.frames,
        "decoders": {
            name: {"config": config.to_dict(), "training": asdict(header.trainings[name])}
            for name, config in header.configs.items()
        },
        "fingerprint": header.fingerprint.to_json() if header.fingerprint else None,
    }
    version = FORMAT_VERSION
    if header.sound_channels is not None:
        version, scene["sound"] = SOUND_VERSION, {"channels": header.sound_channels}
    if len(header.chapters) > 1:
        version, scene["chapters"] = CHAPTERS_VERSION, list(header.chapters)
    header_from_json({"version": version, "scene": scene})
    return json.dumps({"version": version, "scene": scene}, allow_nan=False)


def header_from_json(values: object) -> SceneHeader:
    """Build a header from parsed JSON.

    Raises:
        InputError: a field is unknown, missing, of the wrong type or out of range.
    """
    scene, added = scene_fields(values)
    configs: dict[str, ModelConfig] = {}
    trainings: dict[str, TrainingSummary] = {}
    for name, entry in scene["decoders"].items():
        if name not in ARCHITECTURES:
            raise InputError(
                f"it has the unknown decoder {quoted(name)}, known are {', '.join(ARCHITECTURES)}"
            )
        decoder = checked_fields(entry, DECODER, f"its decoder {name}")
        configs[name] = _config(name, {**added, **decoder["config"]})
        trainings[name] = _training(decoder["training"], f"the training of its decoder {name}")
    if not configs:
        raise InputError("it holds no decoder")
    fingerprint = None
    if scene["fingerprint"] is not None:
        fingerprint = Fingerprint.from_json(scene["fingerprint"], scene["frames"])
    sound = scene["sound"]
    if sound is not None:
        sound = checked_fields(sound, SOUND, "its sound")
    return SceneHeader(
        attribution=Attribution(**checked_fields(scene["material"], ATTRIBUTION, "its material")),
        width=scene["width"],
        height=scene["height"],
        fps=scene["fps"],
        frames=scene["frames"],
        configs=configs,
        trainings=trainings,
        fingerprint=fingerprint,
        sound_channels=None if sound is None else sound["channels"],
        chapters=scene["chapters"],
    )


def _config(name: str, values: dict[str, Any]) -> ModelConfig:
    try:
        config = checked(ModelConfig.from_dict(values))
    except (InputError, OverflowError) as error:
        raise InputError(f"in its decoder {name} {error}") from error
    if config.architecture != name:
        raise InputError(f"its decoder {name} is configured as {config.architecture}")
    return config


def _training(values: object, where: str) -> TrainingSummary:
    summary = TrainingSummary(**checked_fields(values, TRAINING, where))
    try:
        json.dumps(summary.settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: settings must be finite JSON values ({error})") from error
    return summary
