"""Pictures of a video file as stored pictures, of one stream or of a camera's two."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.video.boxes import TrackBoxes, read_boxes, read_xml
from nerv360.video.hardware import hardware_reader
from nerv360.video.index import VideoIndex, index_video
from nerv360.video.matroska import read_projections
from nerv360.video.pixels import Orientation, to_opaque, to_pixels, with_alpha
from nerv360.video.planes import Planes
from nerv360.video.random_access import DamagedPictureError, VideoReader
from nerv360.video.reading import Opening
from nerv360.video.spherical import TWO_EAC_STREAMS, SphericalLayout, check_bounds
from nerv360.video.stored.pictures import Channels, OpenedPictures, StoredPictures
from nerv360.video.tone_mapping import ToneMapper, check_transfer, colour_notes, hdr_transfer

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredVideo(StoredPictures):
    """Pictures of a video file, as `StoredPictures`."""

    index: VideoIndex
    other: VideoIndex | None
    orientation: Orientation
    transfer: str | None
    has_alpha: bool

    @classmethod
    def read(cls, opening: Opening) -> Self:
        """Read what a video says, without decoding more than its first picture and its end.

        Raises:
            InputError: it cannot be read, or has no picture that decodes.
        """
        tracks = read_boxes(opening.path)
        for track in tracks:  # FFmpeg refuses such a file without saying why
            check_bounds(track.bounds, opening.path)
        index, first = index_video(opening)
        check_transfer(first, opening.path)
        orientation = Orientation.of(first)
        layout = SphericalLayout.of(first, _boxes_of(opening.path, tracks, index))
        other, (width, height) = None, orientation.size(*index.size)
        if index.twin is not None and layout.projection is None:
            other, layout = _two_lenses(opening, index, layout)
        pictures, notes = index.pictures, (*index.notes, *orientation.notes())
        if first.interlaced_frame:
            notes += ("its pictures are interlaced, which is not undone",)
        transfer = hdr_transfer(first)
        if transfer is not None:
            notes += (f"it is HDR ({transfer}): its colours are mapped to those of BT.709",)
        notes += tuple(colour_notes(first))
        if other is not None:
            pictures, height = min(pictures, other.pictures), 2 * height
            notes = notes[1:]  # on the choice of one stream
        numbers, repeats = np.arange(index.pictures), index.frame_rate.repeats
        shown = numbers if repeats is None else np.repeat(numbers, repeats)
        return cls(
            index=index,
            other=other,
            orientation=orientation,
            transfer=transfer,
            has_alpha=any(part.is_alpha for part in first.format.components),
            pictures=pictures,
            size=(width, height),
            shape=1 / index.shape if orientation.transposed else index.shape,
            fps=float(index.frame_rate.fps),
            shown=shown[shown < pictures],
            layout=layout,
            picture_bytes=index.picture_bytes * (1 if other is None else 2),
            codec=index.codec,
            notes=notes,
            facts=_facts(index, first, orientation),
        )

    def open(self, kept_bytes: int | None = None) -> OpenedPictures:
        """Open the file, as `StoredPictures` has it."""
        return OpenedVideo(self, kept_bytes)

    @property
    def is_plain(self) -> bool:
        """True if the file's own planes are its pictures: upright, of one stream, not HDR."""
        return self.orientation.is_plain and self.other is None and self.transfer is None

    def decoded(self, numbers: npt.NDArray[np.int64]) -> Iterator[av.VideoFrame] | None:
        """Return the pictures of these numbers as decoded, or None if they are changed.

        For a damaged picture the one before comes again.
        """
        return self._decoded(numbers) if self.is_plain else None

    def _decoded(self, numbers: npt.NDArray[np.int64]) -> Iterator[av.VideoFrame]:
        reader = VideoReader(self.index, kept_bytes=0)
        latest: av.VideoFrame | None = None
        for number in numbers:
            try:
                latest = reader.picture(int(number))
            except DamagedPictureError:
                if latest is None:
                    raise
            yield latest


class OpenedVideo:
    """Pictures of a video file, as `OpenedPictures`."""

    def __init__(self, stored: StoredVideo, kept_bytes: int | None) -> None:
        self.reader = VideoReader(stored.index, kept_bytes)
        self._other = None if stored.other is None else VideoReader(stored.other, kept_bytes)
        self._stored, self._kept_bytes = stored, kept_bytes
        self._mapper = None if stored.transfer is None else ToneMapper(stored.transfer)

    def picture(self, number: int, channels: Channels) -> Tensor:
        pixels = self._upright(self.reader, number, channels)
        if self._other is None:
            return pixels
        return torch.cat([pixels, self._upright(self._other, number, channels)])

    def planes(self, number: int) -> Planes | None:
        """Return a picture as it is stored; None if it must be converted or turned."""
        stored = self._stored
        if not stored.is_plain or stored.has_alpha:
            return None
        return Planes.of(self._stored_picture(number), stored.codec)

    def _stored_picture(self, number: int) -> av.VideoFrame:
        """Decode by hardware, or by software if there is none or it fails."""
        if self._by_hardware is not None:
            try:
                return self._by_hardware.picture(number)
            except (InputError, RuntimeError) as error:
                log.warning("hardware cannot decode picture %d: %s", number, error)
                self._by_hardware.close()
                self._by_hardware = None
        return self.reader.picture(number)

    @functools.cached_property
    def _by_hardware(self) -> VideoReader | None:
        return hardware_reader(self._stored.index, self.reader, self._kept_bytes)

    def _upright(self, reader: VideoReader, number: int, channels: Channels) -> Tensor:
        frame = reader.picture(number)
        if self._mapper is None:
            pixels = (
                to_opaque(frame, channels) if self._stored.has_alpha else to_pixels(frame, channels)
            )
        else:
            pixels = self._mapper.to_rgb(frame).numpy()
            if channels == "rgba":
                pixels = with_alpha(pixels)
        return torch.from_numpy(np.ascontiguousarray(self._stored.orientation.apply(pixels)))

    def close(self) -> None:
        self.reader.close()
        if "_by_hardware" in self.__dict__ and self._by_hardware is not None:
            self._by_hardware.close()
        if self._other is not None:
            self._other.close()


def _two_lenses(
    opening: Opening, index: VideoIndex, layout: SphericalLayout
) -> tuple[VideoIndex | None, SphericalLayout]:
    """Return the second stream of a camera with two lenses, and the layout of both together.

    Raises:
        InputError: they are fisheye pictures.
    """
    width, height = index.size
    if abs(width / height - 1) < 0.05:
        raise InputError(
            f"{opening.path} holds two video streams of {width}x{height}, as cameras with two "
            f"lenses write fisheye pictures: give an equirectangular video from the camera's own "
            f"program"
        )
    if abs(width / height - 3) > 0.2:
        return None, layout
    return index_video(opening, index.twin)[0], replace(layout, projection=TWO_EAC_STREAMS)


def _boxes_of(path: Path, tracks: Sequence[TrackBoxes], index: VideoIndex) -> TrackBoxes:
    """Return what the file declares of the stream and FFmpeg may pass over."""
    found = next((boxes for boxes in tracks if boxes.track == index.track), None)
    if found is None:
        found = dict(enumerate(read_projections(path))).get(index.stream, TrackBoxes())
        for name, text in index.tags.items():
            if "spherical" in name.lower():
                read_xml(text, found)
        if index.tags.get("stereo_mode", "").startswith("anaglyph"):
            found.stereo = "anaglyph"
    return found


def _facts(index: VideoIndex, first: av.VideoFrame, orientation: Orientation) -> dict[str, Any]:
    return {
        "codec": index.codec,
        "pixel_format": first.format.name,
        "coded_size": list(index.size),
        "pixel_shape": index.shape,
        "colorspace": first.colorspace,
        "color_range": first.color_range,
        "transfer": first.color_trc,
        "primaries": first.color_primaries,
        "hdr": hdr_transfer(first),
        "orientation": str(orientation),
        "sound": index.has_sound,
        "timed": index.times is not None,
    }
