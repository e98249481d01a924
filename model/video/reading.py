"""Pictures in: video files through PyAV, and folders of pictures."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import av
import numpy as np
import torch
from av.video.reformatter import Colorspace, Interpolation
from PIL import Image
from torch import Tensor

from model.errors import InputError
from model.video.frame_rate import Pace, believable, find_pace

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
FOLDER_FPS = 30.0
HD_HEIGHT = 720
# Both ways. Without full chroma swscale darkens every picture by about two levels of 255.
SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class VideoInfo:
    """Size in pixels, pictures a second, and the exact number of pictures.

    Attributes:
        note: what had to be assumed of the rate, for people, without a full stop; often empty.
    """

    width: int
    height: int
    fps: float
    frames: int
    note: str = ""


class FrameSource(Protocol):
    """A clip: iterating yields its pictures, uint8 height×width×3 RGB on the CPU, one at a time.

    Every iteration starts again at the first picture. It raises InputError where a picture cannot
    be read.
    """

    path: Path
    info: VideoInfo

    def __iter__(self) -> Iterator[Tensor]: ...


def open_frames(path: str | os.PathLike[str]) -> FrameSource:
    """Open a video file or a folder of PNG or JPEG pictures (in the order of their names).

    A folder has `FOLDER_FPS` pictures a second. The pictures of a video are counted by decoding
    it where its container says nothing or says something else than it holds; they come upright and
    at a constant rate (`model.video.frame_rate`), whatever the times and the rotation in the file.

    Raises:
        InputError: nothing is there, it cannot be read, it has no pictures, or pictures differ
            in size.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: give a video file or a folder of pictures")
    return PictureFolder(path) if path.is_dir() else VideoFile(path)


class PictureFolder:
    """The PNG and JPEG pictures of one folder, sorted by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pictures = sorted(
            file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES
        )
        if not self._pictures:
            raise InputError(f"{path} holds no PNG or JPEG picture: give a folder that does")
        sizes = [self._size(file) for file in self._pictures]
        for file, size in zip(self._pictures, sizes, strict=True):
            if size != sizes[0]:
                raise InputError(
                    f"{file} is {size[0]}x{size[1]} where the first picture is "
                    f"{sizes[0][0]}x{sizes[0][1]}: all pictures must have one size"
                )
        self.info = VideoInfo(*sizes[0], FOLDER_FPS, len(sizes))

    def __iter__(self) -> Iterator[Tensor]:
        for file in self._pictures:
            try:
                with Image.open(file) as image:
                    yield torch.from_numpy(np.array(image.convert("RGB")))
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                raise InputError(f"{file} is damaged and cannot be read to its end") from error

    @staticmethod
    def _size(file: Path) -> tuple[int, int]:
        try:
            with Image.open(file) as image:
                return image.size
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{file} is not a PNG or JPEG picture that can be read") from error


class VideoFile:
    """The first video stream of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as container:
            stream = first_video_stream(container, path)
            rate, tick = claimed_rate(stream), stream.time_base or Fraction(0)
            promised = stream.frames
            packets = [p for p in container.demux(stream) if p.size and not p.is_discard]
            times = [packet.pts for packet in packets]
            del packets
        first = next(self._decoded(), None)
        if len(times) != promised:
            times = [frame.pts for frame in self._decoded()]
        if not times or first is None or first.width < 1 or first.height < 1:
            raise InputError(f"{path} holds no picture that can be decoded: give a whole video")
        pace = pace_of(times, rate, tick)
        self._decodable, self._repeats = len(times), pace.repeats
        self._size = first.width, first.height
        self.turned = _quarters(first) != 0
        self.info = video_info(first, pace, len(times))

    def __iter__(self) -> Iterator[Tensor]:
        last: av.VideoFrame | None = None
        for frame in self.source_frames():
            if frame is not last:  # one that is shown longer comes again
                last, picture = frame, self._picture(frame)
            yield picture

    def source_frames(self) -> Iterator[av.VideoFrame]:
        """The same pictures in the planes, the colour space and the range of the file, and not
        turned upright.
        """
        decoded = 0
        for decoded, frame in enumerate(self._decoded(), 1):
            if decoded > self._decodable:
                return
            repeats = 1 if self._repeats is None else self._repeats[decoded - 1]
            for _ in range(repeats):
                yield frame
        if decoded < self._decodable:
            raise InputError(
                f"{self.path}: only {decoded} of its {self._decodable} pictures can be decoded; "
                f"give a whole video"
            )

    def _picture(self, frame: av.VideoFrame) -> Tensor:
        check_size(frame, self._size, self.path)
        return to_pixels(frame, "rgb24")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[av.container.InputContainer]:
        with reading(self.path), av.open(str(self.path), mode="r") as container:
            yield container

    def _decoded(self) -> Iterator[av.VideoFrame]:
        with self._opened() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield from container.decode(stream)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Context in which what libraries raise becomes an InputError about the video ``path``."""
    try:
        yield
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read as a video ({failure_reason(error)}): give a whole video file"
        ) from error


def first_video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The stream whose pictures count as those of the file ``path``.

    Raises:
        InputError: it has none, or one that cannot be decoded here.
    """
    if not container.streams.video:
        raise InputError(f"{path} has no video stream: give a video file")
    stream = container.streams.video[0]
    if cast("object", stream.codec_context) is None:  # PyAV's types do not know of that
        raise InputError(f"{path} has a codec that is not known here: give an H.264 video")
    return stream


def claimed_rate(stream: av.VideoStream) -> tuple[Fraction | None, ...]:
    """Pictures a second by what the file says of them, the best source first."""
    return stream.average_rate, stream.base_rate, stream.guessed_rate


def pace_of(
    times: Sequence[int | None], claimed: Sequence[Fraction | None], tick: Fraction
) -> Pace:
    """The constant rate of pictures with these times, in ``tick`` seconds and any order.

    Args:
        claimed: rates by the file's own account, from `claimed_rate`.
    """
    known = sorted(time * tick for time in times if time is not None)
    pace = find_pace(known, claimed[0], tick) if len(known) == len(times) else None
    if pace is None:  # pictures without times, or one alone
        rate = next((rate for rate in claimed if rate and believable(rate)), None)
        pace = Pace(rate or Fraction(FOLDER_FPS))
    return pace


def video_info(first: av.VideoFrame, pace: Pace, decodable: int) -> VideoInfo:
    """Information about a video of ``decodable`` pictures that begins with ``first``."""
    size = first.width, first.height
    width, height = size if _quarters(first) % 2 == 0 else size[::-1]
    frames = sum(pace.repeats) if pace.repeats is not None else decodable
    return VideoInfo(width, height, float(pace.fps), frames, pace.note)


def check_size(frame: av.VideoFrame, size: tuple[int, int], path: Path) -> None:
    """Raise InputError where a picture of ``path`` is not ``size``, width and height as coded."""
    if (frame.width, frame.height) != size:
        raise InputError(
            f"{path} changes from {size[0]}x{size[1]} to {frame.width}x{frame.height} on the "
            f"way: give a video of one size"
        )


def to_pixels(frame: av.VideoFrame, layout: str) -> Tensor:
    """A decoded picture upright, height×width×channels uint8.

    Args:
        layout: ``rgb24``, or ``rgba`` with the same colours and alpha 255.
    """
    # What is not tagged follows players' custom: BT.709 from HD up, BT.601 below.
    untagged_hd = frame.colorspace == 2 and frame.height >= HD_HEIGHT
    converted = frame.reformat(
        format=layout,
        src_colorspace=Colorspace.ITU709 if untagged_hd else None,
        interpolation=SCALING,
    )
    picture = torch.from_numpy(converted.to_ndarray())
    turns = _quarters(frame)
    return torch.rot90(picture, turns).contiguous() if turns else picture


def _quarters(frame: av.VideoFrame) -> int:
    """Quarter turns, counterclockwise, that set a picture upright: 0 to 3."""
    return round(frame.rotation / 90) % 4


def failure_reason(error: BaseException) -> str:
    """Reason that a file could not be read or written, for the end of a sentence."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".").lower()
