"""Opens video files by content, chooses a stream, and words failures in one sentence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.stream import Disposition

from nerv360.errors import InputError

PREVIEW_SHARE = 8
"""A stream with this many times fewer pixels than another is its preview."""

_NO_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_TEXT_CODECS = frozenset({"ansi", "bintext", "idf", "xbin"})
_LISTS = ("concat", "dash", "hls", "imf")
_OPTIONS = {"protocol_whitelist": "file"}  # a playlist may not fetch anything


@dataclass(frozen=True)
class VideoInfo:
    """Size in pixels, pictures a second, and number of pictures at that rate."""

    width: int
    height: int
    fps: float
    frames: int


@dataclass(frozen=True)
class Opening:
    """Options for opening a file.

    Attributes:
        path: of the file.
        demuxer: its name; None if the content tells it.
        options: of the demuxer.
    """

    path: Path
    demuxer: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    def open(self, device: str | None = None) -> av.container.InputContainer:
        """Open the file, whatever its name is.

        Args:
            device: kind of hardware that decodes it, by FFmpeg's name; None for software.

        Raises:
            RuntimeError: the hardware does not decode it.
        """
        # Without the prefix FFmpeg takes text before a colon for a protocol.
        url, options = f"file:{self.path}", {**_OPTIONS, **self.options}
        by = None if device is None else HWAccel(device, allow_software_fallback=False)
        opened = av.open(url, "r", format=self.demuxer, options=options, hwaccel=by)
        if opened.format.name in _LISTS:
            opened.close()
            raise InputError(f"{self.path} is a list of other files: give one of those")
        return opened


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn exceptions of libraries into an InputError about the clip ``path``."""
    try:
        yield
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read as a video ({failure_reason(error)}): give a whole video file"
        ) from error


def choose_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the stream whose pictures are those of the file ``path``.

    It is the one that the file marks as the default, unless that is a preview of another; else the
    largest. Covers and thumbnails are ignored.

    Raises:
        InputError: it has none, or one that cannot be decoded here.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & _NO_PICTURES and _codec(stream) not in _TEXT_CODECS
    ]
    if not streams:
        raise InputError(f"{path} has no video stream: give a video file")
    largest = max(streams, key=_pixels)
    defaults = [stream for stream in streams if stream.disposition & Disposition.default]
    default = max(defaults, key=_pixels, default=largest)
    chosen = largest if _pixels(default) * PREVIEW_SHARE <= _pixels(largest) else default
    if chosen.codec_context is None:
        raise InputError(f"{path} has a codec that is not known here: give an H.264 video")
    return chosen


def stream_note(container: av.container.InputContainer, chosen: av.VideoStream) -> str | None:
    """Return a sentence on the choice among several video streams, or None if there is one."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if len(streams) < 2:
        return None
    sizes = ", ".join(f"{s.codec_context.width}x{s.codec_context.height}" for s in streams)
    number = next(n for n, stream in enumerate(streams, 1) if stream.index == chosen.index)
    return f"it has {len(streams)} video streams ({sizes}): number {number} is taken"


def twin_stream(container: av.container.InputContainer, chosen: av.VideoStream) -> int | None:
    """Return the index of the only other stream of the same size, or None.

    Cameras with two lenses write the halves of the sphere so.
    """
    twins = [
        stream.index
        for stream in container.streams.video
        if stream.index != chosen.index
        and not stream.disposition & _NO_PICTURES
        and _codec(stream)
        and (stream.codec_context.width, stream.codec_context.height)
        == (chosen.codec_context.width, chosen.codec_context.height)
    ]
    return twins[0] if len(twins) == 1 else None


def failure_reason(error: BaseException) -> str:
    """Return the reason that a file could not be read or written, for the end of a sentence."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".").lower()


def check_file(path: Path) -> None:
    """Raise InputError if ``path`` is no file that can be read."""
    if not path.exists():
        raise InputError(f"{path} does not exist: give a video file or a folder of pictures")
    if not path.is_file():
        raise InputError(f"{path} is not a file: give a video file or a folder of pictures")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} cannot be read (permission denied): give a file that can be")


def _codec(stream: av.VideoStream) -> str:
    return stream.codec_context.name if stream.codec_context is not None else ""


def _pixels(stream: av.VideoStream) -> int:
    context = stream.codec_context
    return context.width * context.height if context is not None else 0
