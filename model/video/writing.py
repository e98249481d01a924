"""Writers of video files, through PyAV, and of folders of numbered pictures."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Self

import av
import numpy as np
import numpy.typing as npt
import torch
from av.video.reformatter import Colorspace
from PIL import Image
from torch import Tensor

from nerv360.errors import InputError
from nerv360.files import partial_path
from nerv360.video.declaring import declare_ambisonics
from nerv360.video.pixels import encodable
from nerv360.video.reading import failure_reason

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov")
_CODEC = "libx264"
_SOUND_RATE = 48_000
_LAYOUTS = {2: "stereo", 4: "4.0"}
_FRAGMENTS = {"movflags": "hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1"}
_GROWING = {
    ".mp4": _FRAGMENTS,
    ".mov": _FRAGMENTS,
    ".mkv": {"cluster_time_limit": "1000", "flush_packets": "1"},
}
"""FFmpeg's options for a file that can be read while it grows, up to the last second.

When an MP4 is closed its fragments become one, which more players can seek in.
"""


def check_video_name(path: Path) -> None:
    """Raise InputError if no video can be written under this name, by its suffix."""
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise InputError(f"{path} must end in one of {', '.join(VIDEO_SUFFIXES)}")


def _growing_path(path: Path) -> Path:
    """Make an empty file beside ``path`` for a video that can be played while it is written."""
    for number in count():
        candidate = path.with_suffix(f".part{number or ''}{path.suffix}")
        with contextlib.suppress(FileExistsError):
            candidate.touch(exist_ok=False)
            break
    return candidate


class VideoWriter:
    """Writes a BT.709, yuv420p video; the file appears whole when the context is left.

    Args:
        path: .mp4, .mkv or .mov.
        width, height: even numbers of pixels.
        fps: pictures a second.
        crf: quality of libx264, 0 (lossless) to 51 (worst).
        preset: the codec's name for its speed; None leaves the choice to the codec.
        channels: of the film's sound, by `write_sound`: 0 (none), 2, or 4 of first-order
            ambisonics (AmbiX), which the file declares.
        growing: the film can be played while it is written, from a file with ``.part`` in its name
            beside ``path``, which stays if the process is killed or the disk is full.

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
        preset: str | None = None,
        channels: int = 0,
        growing: bool = False,
    ) -> None:
        self.path, self._growing = Path(path), growing
        check_video_name(self.path)
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise InputError(f"{path} must have an even width and height, not {width}x{height}")
        if not self.path.parent.is_dir():
            raise InputError(f"{self.path.parent} is not a folder: {path} cannot be written there")
        self._size = (height, width, 3)
        self._written = 0
        layout = _GROWING[self.path.suffix.lower()] if growing else {}
        try:
            self._temporary = _growing_path(self.path) if growing else partial_path(self.path)
            self._container = av.open(str(self._temporary), mode="w", options=layout)
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"{path} cannot be written: {failure_reason(error)}") from error
        try:
            rate = Fraction(fps).limit_denominator(1001)
            options = {"crf": str(crf)} | ({"preset": preset} if preset else {})
            options |= {"tune": "zerolatency"} if growing else {}  # it holds no pictures back
            stream = self._container.add_stream(_CODEC, rate=rate, options=options)
            if not isinstance(stream, av.VideoStream):
                raise TypeError(f"{_CODEC} encodes no video")
        except (av.FFmpegError, TypeError, ValueError) as error:
            self._discard()
            raise InputError(f"{path} cannot be written with the codec {_CODEC}") from error
        self._channels = channels
        self._sound = self._add_sound() if channels else None
        self._heard = 0
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        self._stream: av.VideoStream = stream
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = Colorspace.ITU709
        context.color_range = 1

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Tensor, times: int = 1) -> None:
        """Append one picture, uint8 height×width×3 RGB on any device, ``times`` in a row."""
        if frame.dtype != torch.uint8 or tuple(frame.shape) != self._size:
            raise ValueError(f"expected uint8 {self._size}, not {frame.dtype} {tuple(frame.shape)}")
        picture = encodable(frame.cpu().numpy())
        with self._told():
            for _ in range(times):
                picture.pts = None  # the encoder counts
                self._container.mux(self._stream.encode(picture))
                self._written += 1

    def write_sound(self, block: npt.NDArray[np.float32]) -> None:
        """Append samples×channels of sound at 48 kHz; it begins with the first picture."""
        if self._sound is None or block.ndim != 2 or block.shape[1] != self._channels:
            raise ValueError(f"expected samples×{self._channels}, not {block.shape}")
        packed = np.ascontiguousarray(np.clip(block, -1, 1), np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=_LAYOUTS[self._channels])
        frame.sample_rate, frame.pts = _SOUND_RATE, self._heard
        frame.time_base = Fraction(1, _SOUND_RATE)
        self._heard += len(block)
        with self._told():
            self._container.mux(self._sound.encode(frame))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            with self._told():
                self._container.mux(self._stream.encode(None))
                if self._sound is not None:
                    self._container.mux(self._sound.encode(None))
                self._container.close()
                if self._channels == 4 and self.path.suffix.lower() != ".mkv":
                    declare_ambisonics(self._temporary)
                os.replace(self._temporary, self.path)
        except BaseException:
            self._discard()
            raise

    def _add_sound(self) -> av.AudioStream:
        # Opus says by itself that it is ambisonics; QuickTime has no Opus.
        is_opus = self._channels == 4 and self.path.suffix.lower() != ".mov"
        stream = self._container.add_stream(
            "libopus" if is_opus else "aac",
            rate=_SOUND_RATE,
            layout=_LAYOUTS[self._channels],
            options={"mapping_family": "2"} if is_opus else {},
        )
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 96_000 * self._channels
        return stream

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"{self.path} cannot be written: {failure_reason(error)}") from error

    def _discard(self) -> None:
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()
        if not self._growing or self._written == 0:
            self._temporary.unlink(missing_ok=True)


class FolderWriter:
    """Writes numbered PNG pictures into a folder that appears whole when the context is left."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise InputError(f"{path} exists and is not empty: name a new folder")
        self._temporary = partial_path(self.path)
        try:
            self._temporary.mkdir()
        except OSError as error:
            raise InputError(f"{path} cannot be written: {failure_reason(error)}") from error
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Tensor) -> None:
        """Append one picture, uint8 height×width×3 RGB on any device."""
        image = Image.fromarray(frame.cpu().numpy())
        try:
            image.save(self._temporary / f"{self._written:05d}.png", compress_level=1)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {failure_reason(error)}") from error
        self._written += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        else:
            os.replace(self._temporary, self.path)
