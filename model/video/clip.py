"""A clip, as every command reads it: its pictures in order, or any of them."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.video import random_access
from nerv360.video.pixels import resized
from nerv360.video.placement import ASPECT_TOLERANCE, Eye, Placement, Placer
from nerv360.video.planes import Planes
from nerv360.video.random_access import DamagedPictureError
from nerv360.video.reading import Opening, VideoInfo
from nerv360.video.stored import OpenedPictures, OpenedVideo, StoredPictures, StoredVideo

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Clip:
    """Pictures of a video, a folder or a photo, upright on the sphere, at a constant rate.

    It never changes and holds no file open.

    Attributes:
        path: of the file or the folder.
        info: size of a picture, pictures a second, and number of frames at that rate.
        shown: index of the picture that is shown at each frame, rising; repeats are equal.
        pictures: number of different pictures, as `read` yields them.
        is_sphere: they show the sphere, by declaration or by their shape.
        eye: the eye shown, if the file holds pictures for two eyes; else None.
        notes: clauses on assumptions, omissions and declarations applied.
        codec: name of their decoder.
        options: of `open_clip`, as plain JSON values.
        facts: what the file says, as plain JSON values, for people.
        stored: the pictures as they are stored.
        numbers: numbers of the different pictures among them.
        placement: of the stored pictures on the sphere.
    """

    path: Path
    info: VideoInfo
    shown: npt.NDArray[np.int64] = field(repr=False)
    pictures: int
    is_sphere: bool
    eye: Eye | None
    notes: tuple[str, ...]
    codec: str
    options: dict[str, Any]
    facts: dict[str, Any] = field(repr=False)
    stored: StoredPictures = field(repr=False)
    numbers: npt.NDArray[np.int64] = field(repr=False)
    placement: Placement

    def at_size(self, size: tuple[int, int]) -> Clip:
        """Return the clip with its pictures scaled down to a height and width.

        It is the clip itself if it is no larger, or has another shape.
        """
        height, width = self.info.height, self.info.width
        if not (size[0] < height and size[1] < width):
            return self
        if abs(size[1] / size[0] * height / width - 1) > ASPECT_TOLERANCE:
            return self
        info = replace(self.info, height=size[0], width=size[1])
        return replace(self, info=info, options={**self.options, "size": list(size)})

    def taken(self, frames: slice) -> Clip:
        """Return the clip of only some of its frames; its sound stays the whole clip's."""
        numbers, places = np.unique(self.numbers[self.shown[frames]], return_inverse=True)
        return replace(
            self,
            info=replace(self.info, frames=len(places)),
            shown=places.astype(np.int64),
            pictures=len(numbers),
            numbers=numbers,
        )

    def read(self) -> Iterator[Tensor]:
        """Yield the different pictures in order, uint8 height×width×3 RGB, one at a time.

        For a damaged picture the one before comes again, and a warning is logged.

        Raises:
            InputError: one cannot be read, or none after it.
        """
        reader = ClipReader(self, kept_bytes=0)
        latest: Tensor | None = None
        waiting: list[DamagedPictureError] = []
        lost: list[DamagedPictureError] = []
        try:
            for number in range(self.pictures):
                try:
                    picture = reader.picture(number)
                except DamagedPictureError as error:
                    waiting.append(error)
                    continue
                for _ in waiting:
                    yield picture if latest is None else latest
                lost += waiting
                waiting.clear()
                latest = picture
                yield picture
            if waiting:  # the file has become shorter, or is damaged to its end
                raise waiting[0]
        finally:
            reader.close()
            if lost:
                log.warning("%s", _lost_sentence(self.path, lost))

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the picture of each frame, as `read` does; one that is shown longer comes again."""
        pictures, last = self.read(), -1
        for number in self.shown:
            while last < number:
                picture, last = next(pictures), last + 1
            yield picture

    def decoded(self, *, placed: bool = True) -> Iterator[av.VideoFrame] | None:
        """Return the picture of each frame in the file's own planes, colours and range.

        None if the file has no such planes, or if the clip places or scales its pictures.

        Args:
            placed: False for the pictures of the file even if the clip places or scales them.
        """
        if not isinstance(self.stored, StoredVideo) or (placed and not self._placer.is_plain):
            return None
        return self.stored.decoded(self.numbers[self.shown])

    def sound_origin(self) -> tuple[Opening, float] | None:
        """Return how to open the file of the clip's sound, and the time in it of frame 0.

        None if there is no sound.
        """
        if not (isinstance(self.stored, StoredVideo) and self.stored.index.has_sound):
            return None
        left_out = round((self.options["start"] or 0.0) * self.info.fps) / self.info.fps
        return self.stored.index.opening, self.stored.index.begin_s + left_out

    @functools.cached_property
    def coverage(self) -> npt.NDArray[np.bool_] | None:
        """Pixels of a picture that the stored pictures cover, height×width; None if all."""
        covered = self.placement.covered(self.info.height, self.info.width)
        return None if covered is None else covered.numpy()

    @property
    def peak_bytes(self) -> int:
        """Estimated memory of a `ClipReader` and of a few pictures that it has handed out."""
        each, pixels = self.stored.picture_bytes, self.info.width * self.info.height
        held = (
            min(random_access.KEPT_BYTES // each + 1, self.stored.pictures)
            + random_access.IN_DECODER
        )
        resampled = 0 if self._placer.is_plain else 16 * pixels
        return held * each + 4 * 4 * pixels + resampled

    @functools.cached_property
    def _placer(self) -> _Finish:
        return _Finish(self)


class ClipReader:
    """Pictures of a clip in any order; used from a single thread.

    Playing on decodes each picture once and never seeks. The latest pictures are kept.
    """

    def __init__(self, clip: Clip, kept_bytes: int | None = None) -> None:
        """Open the clip.

        Args:
            kept_bytes: of pictures that stay at hand; `KEPT_BYTES` if None.

        Raises:
            InputError: it cannot be read any more.
        """
        self.clip = clip
        self.opened: OpenedPictures = clip.stored.open(kept_bytes)
        self._finish = clip._placer

    def picture(self, number: int) -> Tensor:
        """Return the picture of a number less than `Clip.pictures`, uint8 height×width×3 RGB.

        Raises:
            IndexError: there is no such number.
            InputError: it cannot be decoded; others may.
        """
        if not 0 <= number < self.clip.pictures:
            raise IndexError(f"there is no picture {number}")
        stored = int(self.clip.numbers[number])
        return self._finish(self.opened.picture(stored, "rgb24"))

    def whole_picture(self, number: int) -> Tensor:
        """Return the picture of a number as `Clip.read` yields it: if it is damaged, one before.

        Raises:
            IndexError: there is no such number.
            InputError: neither can be read.
        """
        try:
            return self.picture(number)
        except DamagedPictureError as error:
            for earlier in range(number - 1, -1, -1):
                with contextlib.suppress(DamagedPictureError):
                    picture = self.picture(earlier)
                    log.warning("%s", _lost_sentence(self.clip.path, [error]))
                    return picture
            raise

    def frame(self, index: int) -> Tensor:
        """Return the picture at ``index`` of the constant rate, uint8 height×width×4 RGBA.

        Raises:
            IndexError: there is no such index.
            InputError: it cannot be decoded; others may.
        """
        picture = self._finish(self.opened.picture(self._stored(index), "rgba"))
        if self.clip.coverage is not None:
            picture[..., 3] = 255
        return picture

    def planes(self, index: int) -> Planes | None:
        """Return the picture of frame ``index`` as the file stores it, as `frame` does.

        None if it must be placed or its colours converted by other than a matrix.
        """
        if not (isinstance(self.opened, OpenedVideo) and self._finish.is_plain):
            return None
        if self.clip.coverage is not None:
            return None
        return self.opened.planes(self._stored(index))

    def _stored(self, index: int) -> int:
        if not 0 <= index < self.clip.info.frames:
            raise IndexError(f"there is no frame {index}")
        return int(self.clip.numbers[self.clip.shown[index]])

    def close(self) -> None:
        """Close the file and forget all pictures."""
        self.opened.close()


class _Finish:
    """Turns stored pictures, already upright, into the clip's."""

    def __init__(self, clip: Clip) -> None:
        stored, placement = clip.stored.size[::-1], clip.placement
        self._size = clip.info.height, clip.info.width
        self._part = placement.part.cut(*stored)
        rows, columns = self._part
        part = rows.stop - rows.start, columns.stop - columns.start
        only_cut = placement == Placement(part=placement.part)
        shrinks = all(new <= old for new, old in zip(self._size, part, strict=True))
        self.is_plain = only_cut and self._size == stored
        self._place: Placer | None = None
        if not (only_cut and (shrinks or not clip.is_sphere)):
            self._place = Placer(placement, stored, self._size)

    def __call__(self, picture: Tensor) -> Tensor:
        if self._place is not None:
            return self._place.place(picture)
        if self.is_plain:
            return picture
        return torch.from_numpy(resized(picture[self._part].numpy(), *self._size[::-1]))


def _lost_sentence(path: Path, lost: Sequence[DamagedPictureError]) -> str:
    if len(lost) == 1:
        return f"{lost[0]}: the one before is taken in its place"
    return (
        f"{len(lost)} pictures of {path} are damaged, the first of them number {lost[0].number}: "
        f"the one before is taken in their place"
    )


def check_equirectangular(clip: Clip) -> None:
    """Check that a clip shows the sphere.

    Raises:
        InputError: it does not, or does not say so.
    """
    if not clip.is_sphere:
        width, height = clip.info.width, clip.info.height
        raise InputError(
            f"{clip.path} is {width}x{height} and does not say that it is equirectangular: give "
            f"pictures of the whole sphere, which are twice as wide as high"
        )
