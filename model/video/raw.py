"""Raw video (``.yuv``): pictures without a header, described by the file's name or by a text.

PyAV opens such a file if it is told its format, and any picture is read at once by its place:

    video = raw_video(path)                              # by its name, or
    video = raw_video(path, "6144x3072,60,yuv420p10le")
    with av.open(str(path), format="rawvideo", options=video.format.options) as container: ...
    frame = video.frame(120)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from nerv360.errors import InputError
from nerv360.text import listed
from nerv360.video.frame_rate import believable

RAW_SUFFIX = ".yuv"
_BITS = (8, 10, 12, 14, 16)

_MOST_PIXELS_A_SIDE = 2**15
_PATTERN = "WIDTHxHEIGHT,RATE,FORMAT"
_RATE = r"[0-9]{1,4}(?:\.[0-9]{1,3})?"


@dataclass(frozen=True)
class RawFormat:
    """Format of the pictures of a raw video.

    Attributes:
        width: in pixels.
        height: in pixels.
        fps: pictures a second.
        chroma: ``420``, ``422``, ``444``, or ``400`` for grey.
        bits: of a sample, in two bytes (the low one first) if more than 8.
    """

    width: int
    height: int
    fps: Fraction
    chroma: str
    bits: int

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name."""
        base = "gray" if self.chroma == "400" else f"yuv{self.chroma}p"
        return base if self.bits == 8 else f"{base}{self.bits}le"

    @property
    def options(self) -> dict[str, str]:
        """Options with which FFmpeg's ``rawvideo`` demuxer opens the file."""
        return {
            "video_size": f"{self.width}x{self.height}",
            "pixel_format": self.pixel_format,
            "framerate": str(self.fps),
        }

    @property
    def planes(self) -> list[tuple[int, int]]:
        """Rows and bytes a row of each plane."""
        each = 1 if self.bits == 8 else 2
        components = av.VideoFormat(self.pixel_format, self.width, self.height).components
        return [(part.height, part.width * each) for part in components]

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture."""
        return sum(rows * row for rows, row in self.planes)

    def __str__(self) -> str:
        rate = self.fps if self.fps.denominator == 1 else f"{float(self.fps):.3f}".rstrip("0")
        return f"{self.width}x{self.height},{rate},{self.pixel_format}"


@dataclass(frozen=True)
class RawVideo:
    """Raw video file of whole pictures.

    Attributes:
        path: of the file.
        format: of its pictures.
        frames: how many there are.
    """

    path: Path
    format: RawFormat
    frames: int

    def frame(self, index: int) -> av.VideoFrame:
        """Read picture ``index``, as the demuxer gives it.

        Raises:
            IndexError: there is no such picture.
            InputError: the file has become shorter.
        """
        if not 0 <= index < self.frames:
            raise IndexError(f"there is no frame {index}")
        form = self.format
        with self.path.open("rb") as file:
            file.seek(index * form.picture_bytes)
            data = np.frombuffer(file.read(form.picture_bytes), np.uint8)
        if len(data) < form.picture_bytes:
            raise InputError(f"{self.path} has become shorter since it was opened")
        frame = av.VideoFrame(form.width, form.height, form.pixel_format)
        start = 0
        for plane, (rows, row) in zip(frame.planes, form.planes, strict=True):
            lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            lines[:rows, :row] = data[start : start + rows * row].reshape(rows, row)
            start += rows * row
        frame.pts, frame.time_base = index, 1 / form.fps
        return frame


def is_raw(path: Path) -> bool:
    """Return whether a file's name says that it is raw video."""
    return path.suffix.lower() == RAW_SUFFIX


def raw_video(path: Path, description: str | None = None) -> RawVideo:
    """Describe a raw video by a text as `parse_raw` takes it, or else by its name.

    Raises:
        InputError: the name lacks something, the text is wrong, or the file does not hold whole
            pictures of that format.
    """
    form = format_of_name(path) if description is None else parse_raw(description)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be read: give a file that can") from error
    frames, rest = divmod(size, form.picture_bytes)
    if rest or not frames:
        fitting = [str(each) for each in _others(form) if size and not size % each.picture_bytes]
        hint = f"; it would be whole pictures of {' or '.join(fitting)}" if fitting else ""
        raise InputError(
            f"{path} has {size} bytes, which is {frames} pictures of {form} "
            f"({form.picture_bytes} bytes each) and {rest} bytes more{hint}: give a whole file, "
            f"or its format as {_PATTERN}"
        )
    return RawVideo(path, form, frames)


def parse_raw(text: str) -> RawFormat:
    """Read a description such as ``6144x3072,60,yuv420p10le``.

    Raises:
        InputError: it is not of that form.
    """
    match = re.fullmatch(
        rf"\s*([0-9]{{1,6}})x([0-9]{{1,6}})\s*,\s*({_RATE})\s*,\s*"
        r"(gray|yuv(420|422|444)p)(|10|12|14|16)(?:le)?\s*",
        text,
        re.IGNORECASE,
    )
    if match is None:
        raise InputError(
            f"{text!r} does not describe raw video: give {_PATTERN}, for example "
            f"6144x3072,60,yuv420p10le (formats: gray, yuv420p, yuv422p, yuv444p; with 10le, "
            f"12le, 14le or 16le behind them for more than 8 bits)"
        )
    width, height, rate, _, chroma, bits = match.groups()
    form = RawFormat(int(width), int(height), _rate(rate), chroma or "400", int(bits or 8))
    _check(form, text)
    return form


def format_of_name(path: Path) -> RawFormat:
    """Read the format from a file's name by JVET's convention.

    Size, rate, bits and chroma may come in any order: ``Balboa_6144x3072_60fps_10bit_420.yuv``,
    ``Balboa_6144x3072_60_10b_420.yuv``, ``clip_yuv420p10le_3840x1920_29.97.yuv``.

    Raises:
        InputError: something is missing in the name.
    """
    rest = path.stem
    size, rest = _taken(r"(?<![0-9])([0-9]{2,6})x([0-9]{2,6})(?![0-9])", rest)
    chroma, rest = _taken(r"(?:yuv)?(?<![0-9])(400|420|422|444)(?:p(?=[^a-z]|$))?(?![0-9])", rest)
    if chroma is None:  # yuv420p10le, with the bits behind it
        chroma, rest = _taken(r"yuv(420|422|444)p(?=[0-9])", rest)
    bits, rest = _taken(r"(?<![0-9.])(8|10|12|14|16) ?(?:bits?|bpp|b|le)(?![a-z0-9])", rest)
    if bits is None and re.search(r"yuv4[0-9]{2}p(?![0-9])", path.stem, re.IGNORECASE):
        bits = ("8",)  # FFmpeg's own name of 8 bits
    rate, rest = _taken(rf"(?<![0-9.x])({_RATE}) ?(?:fps|hz|p)(?![a-z0-9])", rest)
    if rate is None and size is not None:  # a number that stands alone
        alone = [token for token in re.split(r"[^0-9.]+", rest) if re.fullmatch(_RATE, token)]
        usual = [token for token in alone if 10 <= float(token) <= 240]
        rate = (usual[0],) if len(usual) == 1 else None
    parts = {"its size": size, "its rate": rate, "its bits": bits, "its chroma format": chroma}
    missing = [name for name, part in parts.items() if part is None]
    width, height = (int(side) for side in size or ("3840", "1920"))
    form = RawFormat(
        width,
        height,
        _rate((rate or ("30",))[0]),
        (chroma or ("420",))[0],
        int((bits or ("8",))[0]),
    )
    if missing:
        raise InputError(
            f"the name of {path} does not say {listed(missing, 'and')}: give its format as "
            f"{_PATTERN}, for example {form}"
        )
    _check(form, path.name)
    return form


def _taken(pattern: str, text: str) -> tuple[tuple[str, ...] | None, str]:
    """Return the groups of the first match, if there is one, and the text without it."""
    match = re.search(pattern, text, re.IGNORECASE)
    if match is None:
        return None, text
    return match.groups(), f"{text[: match.start()]} _ {text[match.end() :]}"


def _rate(text: str) -> Fraction:
    """Return an exact rate: 29.97, 59.94 and 23.976 mean thousandths of 1001."""
    value = Fraction(text)
    whole = round(value * 1001 / 1000)
    broadcast = Fraction(whole * 1000, 1001)
    return broadcast if value.denominator > 1 and abs(broadcast - value) < 0.006 else value


def _check(form: RawFormat, text: str) -> None:
    """Raise InputError if the text asks for pictures that cannot be."""
    if not all(1 <= side <= _MOST_PIXELS_A_SIDE for side in (form.width, form.height)):
        raise InputError(
            f"{text!r} says {form.width}x{form.height}: give sides from 1 to {_MOST_PIXELS_A_SIDE}"
        )
    if not believable(form.fps):
        raise InputError(f"{text!r} says {float(form.fps):g} pictures a second: give 0.001 to 1000")


def _others(form: RawFormat) -> list[RawFormat]:
    """Return formats that people may confuse with this one."""
    return [
        other
        for bits in (8, 10)
        for chroma in ("420", "422", "444")
        if (other := RawFormat(form.width, form.height, form.fps, chroma, bits)) != form
    ]
