"""Photos, folders of pictures and raw video as stored pictures: any of them is read at once."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from nerv360.video.index import ASSUMED_FPS
from nerv360.video.photos import Pictures, find_pictures, read_picture
from nerv360.video.pixels import to_pixels, with_alpha
from nerv360.video.placement import Placement
from nerv360.video.raw import RawVideo, raw_video
from nerv360.video.spherical import EQUIRECTANGULAR, SphericalLayout
from nerv360.video.stored.pictures import Channels, OpenedPictures, StoredPictures


class _Stills(StoredPictures):
    """Pictures that are read anew each time, so that there is nothing to open."""

    def open(self, kept_bytes: int | None = None) -> OpenedPictures:
        """Return themselves."""
        return self

    @abc.abstractmethod
    def picture(self, number: int, channels: Channels) -> Tensor:
        """Return a picture, as `OpenedPictures` has it."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredPhotos(_Stills):
    """A photo, or the pictures of a folder."""

    found: Pictures

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the headers of all pictures.

        Raises:
            InputError: there is none, one cannot be read, or they differ in size.
        """
        found = find_pictures(path)
        (height, width), count = found.size, len(found.files)
        return cls(
            found=found,
            pictures=count,
            size=(width, height),
            fps=ASSUMED_FPS,
            shown=np.arange(count),
            layout=_layout(found.placement),
            picture_bytes=3 * width * height,
            codec="pictures",
            notes=found.notes,
            facts={
                "kind": "folder" if path.is_dir() else "photo",
                "files": count,
                "assumed_rate": True,
            },
        )

    def picture(self, number: int, channels: Channels) -> Tensor:
        pixels = read_picture(self.found.files[number])
        return pixels if channels == "rgb24" else torch.from_numpy(with_alpha(pixels.numpy()))


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredRaw(_Stills):
    """Raw video."""

    video: RawVideo

    @classmethod
    def read(cls, path: Path, description: str | None) -> Self:
        """Read what the name says, or take a description such as ``6144x3072,60,yuv420p10le``.

        Raises:
            InputError: neither describes the file.
        """
        video = raw_video(path, description)
        form = video.format
        return cls(
            video=video,
            pictures=video.frames,
            size=(form.width, form.height),
            fps=float(form.fps),
            shown=np.arange(video.frames),
            picture_bytes=form.picture_bytes,
            codec="rawvideo",
            facts={"kind": "raw video", "pixel_format": form.pixel_format},
        )

    def picture(self, number: int, channels: Channels) -> Tensor:
        return torch.from_numpy(to_pixels(self.video.frame(number), channels))


def _layout(placement: Placement) -> SphericalLayout:
    declared = placement != Placement()
    return SphericalLayout(
        projection=EQUIRECTANGULAR if declared else None,
        bounds=placement.bounds,
        pose=placement.pose,
    )
