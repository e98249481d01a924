"""Video in and out: files through PyAV, and folders of numbered pictures."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
import numpy as np
import torch
from av.video.reformatter import Colorspace, Interpolation
from PIL import Image
from torch import Tensor

from model.errors import InputError

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov")
FOLDER_FPS = 30.0
HD_HEIGHT = 720
# Without full chroma swscale darkens every picture by about two levels of 255.
_SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class VideoInfo:
    """Size in pixels, pictures a second, and the exact number of pictures."""

    width: int
    height: int
    fps: float
    frames: int


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
    it where its container says nothing or says something else than it holds.

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
            if not container.streams.video:
                raise InputError(f"{path} has no video stream: give a video file")
            stream = container.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            rate, promised = stream.average_rate or stream.guessed_rate, stream.frames
            frames = sum(1 for packet in container.demux(stream) if packet.size)
        if frames != promised:
            frames = sum(1 for _ in self._decoded())
        if not frames or width < 1 or height < 1:
            raise InputError(f"{path} holds no picture that can be decoded: give a whole video")
        self.info = VideoInfo(width, height, float(rate or FOLDER_FPS), frames)

    def __iter__(self) -> Iterator[Tensor]:
        for frame in self._decoded():
            if (frame.width, frame.height) != (self.info.width, self.info.height):
                raise InputError(
                    f"{self.path} changes from {self.info.width}x{self.info.height} to "
                    f"{frame.width}x{frame.height} on the way: give a video of one size"
                )
            # What is not tagged follows players' custom: BT.709 from HD up, BT.601 below.
            untagged_hd = frame.colorspace == 2 and frame.height >= HD_HEIGHT
            rgb = frame.reformat(
                format="rgb24",
                src_colorspace=Colorspace.ITU709 if untagged_hd else None,
                interpolation=_SCALING,
            )
            yield torch.from_numpy(rgb.to_ndarray())

    @contextlib.contextmanager
    def _opened(self) -> Iterator[av.container.InputContainer]:
        try:
            with av.open(str(self.path), mode="r") as container:
                yield container
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{self.path} cannot be read as a video ({_reason(error)}): give a whole video file"
            ) from error

    def _decoded(self) -> Iterator[av.VideoFrame]:
        with self._opened() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield from container.decode(stream)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".").lower()


class FrameWriter(Protocol):
    """Takes uint8 height×width×3 pictures; leaving it with an exception leaves nothing behind."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def write(self, frame: Tensor) -> None: ...


class VideoWriter:
    """Writes a BT.709, yuv420p video; the file appears whole when the context is left.

    Args:
        path: .mp4, .mkv or .mov.
        width, height: even numbers of pixels.
        fps: pictures a second.
        crf: the codec's quality, lower is better (0 to 51 for libx264).
        codec: an encoder that PyAV has.

    Raises:
        InputError: a size, the name's ending, the codec or the place cannot be used.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        width: int,
        height: int,
        fps: float,
        *,
        crf: int = 18,
        codec: str = "libx264",
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in VIDEO_SUFFIXES:
            raise InputError(f"{path} must end in one of {', '.join(VIDEO_SUFFIXES)}")
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise InputError(f"{path} must have an even width and height, not {width}x{height}")
        if not self.path.parent.is_dir():
            raise InputError(f"{self.path.parent} is not a folder: {path} cannot be written there")
        self._size = (height, width, 3)
        self._temporary = _beside(self.path)
        try:
            self._container = av.open(str(self._temporary), mode="w")
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"{path} cannot be written: {_reason(error)}") from error
        try:
            rate = Fraction(fps).limit_denominator(1001)
            stream = self._container.add_stream(codec, rate=rate, options={"crf": str(crf)})
            if not isinstance(stream, av.VideoStream):
                raise TypeError(f"{codec} encodes no video")
        except (av.FFmpegError, TypeError, ValueError) as error:
            self._discard()
            raise InputError(f"{path} cannot be written with the codec {codec}") from error
        self._stream: av.VideoStream = stream
        self._stream.width, self._stream.height, self._stream.pix_fmt = (
            width,
            height,
            "yuv420p",
        )
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = Colorspace.ITU709
        context.color_range = 1

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Tensor) -> None:
        """Append one picture, uint8 height×width×3 RGB on any device."""
        if frame.dtype != torch.uint8 or tuple(frame.shape) != self._size:
            raise ValueError(f"expected uint8 {self._size}, not {frame.dtype} {tuple(frame.shape)}")
        picture = av.VideoFrame.from_ndarray(frame.cpu().contiguous().numpy(), format="rgb24")
        picture = picture.reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            interpolation=_SCALING,
        )
        self._container.mux(self._stream.encode(picture))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            os.replace(self._temporary, self.path)
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        with contextlib.suppress(av.FFmpegError):
            self._container.close()
        self._temporary.unlink(missing_ok=True)


class FolderWriter:
    """Writes numbered PNG pictures into a folder that appears whole when the context is left."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise InputError(f"{path} exists and is not empty: name a new folder")
        self._temporary = _beside(self.path)
        try:
            self._temporary.mkdir()
        except OSError as error:
            raise InputError(f"{path} cannot be written: {_reason(error)}") from error
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Tensor) -> None:
        """Append one picture, uint8 height×width×3 RGB on any device."""
        image = Image.fromarray(frame.cpu().numpy())
        image.save(self._temporary / f"{self._written:05d}.png", compress_level=1)
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        else:
            os.replace(self._temporary, self.path)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
