"""Pictures of a video in any order: an index of its packets, and a reader that seeks by it."""

from __future__ import annotations

import bisect
import itertools
import os
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt
from torch import Tensor

from model.errors import InputError
from model.video.reading import (
    VideoInfo,
    check_size,
    claimed_rate,
    first_video_stream,
    pace_of,
    reading,
    to_pixels,
    video_info,
)
from model.video.spherical import SphericalLayout

if TYPE_CHECKING:
    Packet = av.Packet[av.VideoStream]

KEPT_BYTES = 128 * 2**20
"""Of decoded pictures that stay at hand: a step back need not decode all since a keyframe."""

_IN_DECODER = 20
"""Pictures that a decoder holds, by the largest number of reference pictures and its threads."""

_WORTH_A_SEEK = 8
"""Pictures that a seek must save: it throws away those that the decoder is working on."""

_UNTIMED = ("avi",)
"""Formats that store no times: FFmpeg makes them up, and they are wrong where the order differs."""

_MOST_ENTRIES = 3
"""Keyframes from which a picture is tried, one before the other."""


@dataclass(frozen=True)
class _Keyframe:
    pts: int
    dts: int


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """Times of a video's pictures and keyframes; never changes, and holds no file open.

    Attributes:
        path: of the file.
        info: as `open_frames` has it.
        layout: how its pictures show the sphere.
        codec: its name.
        size: width and height as coded.
        times: of the pictures in the order in which they are shown, in ticks of the stream;
            None where the file has none, and pictures are known by their place alone.
        pictures: how many the file has, whatever their times.
        keyframes: by time.
        shown: index of the picture that is shown at each frame of the constant rate.
        picture_bytes: of one decoded picture.
    """

    path: Path
    info: VideoInfo
    layout: SphericalLayout
    codec: str
    size: tuple[int, int]
    times: npt.NDArray[np.int64] | None
    pictures: int
    keyframes: tuple[_Keyframe, ...]
    shown: npt.NDArray[np.int64]
    picture_bytes: int

    def number(self, time: int | None, last: int = -1) -> int | None:
        """Number of the picture with a ``time``, after picture ``last``; None where none has it."""
        if self.times is None:
            return last + 1
        if time is None:
            return None
        low, high = (int(np.searchsorted(self.times, time, side)) for side in ("left", "right"))
        # Several with one time come one after the other.
        return min(max(low, last + 1), high - 1) if low < high else None

    @property
    def peak_bytes(self) -> int:
        """Memory of a `VideoReader`, estimated, and of a few pictures that it has handed out."""
        held = min(KEPT_BYTES // self.picture_bytes + 1, self.pictures) + _IN_DECODER
        return held * self.picture_bytes + 4 * 4 * self.info.width * self.info.height


def index_video(path: str | os.PathLike[str]) -> VideoIndex:
    """Read the times of a video's packets, and decode its first picture alone.

    Raises:
        InputError: nothing is there, it cannot be read, or it has no pictures.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist, or is a folder: give a video file")
    times: list[int | None] = []
    keyframes: list[_Keyframe] = []
    with reading(path), av.open(str(path), mode="r") as container:
        stream = first_video_stream(container, path)
        untimed = container.format.name in _UNTIMED
        rates, tick = claimed_rate(stream), stream.time_base or Fraction(0)
        shape, codec = float(stream.sample_aspect_ratio or 1), stream.codec_context.name
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            times.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                dts = packet.pts if packet.dts is None else packet.dts
                keyframes.append(_Keyframe(packet.pts, dts))
    first = _first_picture(path)
    if not times or first is None or first.width < 1 or first.height < 1:
        raise InputError(f"{path} holds no picture that can be decoded: give a whole video")
    pace = pace_of(times, rates, tick)
    if untimed:
        times = [None] * len(times)
    pictures = np.arange(len(times))
    known = [time for time in times if time is not None]
    timed = len(known) == len(times)
    return VideoIndex(
        path=path,
        info=video_info(first, pace, len(times)),
        layout=SphericalLayout.of(first, shape),
        codec=codec,
        size=(first.width, first.height),
        times=np.sort(np.array(known, np.int64)) if timed else None,
        pictures=len(times),
        keyframes=tuple(sorted(keyframes, key=lambda key: key.pts)) if timed else (),
        shown=pictures if pace.repeats is None else np.repeat(pictures, pace.repeats),
        picture_bytes=_bytes_of(first),
    )


class VideoReader:
    """Decoder of one video's pictures in any order; used from a single thread.

    Playing on decodes each picture once and never seeks. A jump decodes from the keyframe before.
    The latest pictures stay at hand, up to `KEPT_BYTES` of them as the codec has them.
    """

    def __init__(self, index: VideoIndex) -> None:
        """Open the file.

        Raises:
            InputError: it cannot be read any more.
        """
        self.index = index
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._lost: set[int] = set()
        with reading(index.path):
            self._open()

    def frame(self, index: int) -> Tensor:
        """Picture at ``index`` of the constant rate, upright, height×width×4 uint8 RGBA.

        Raises:
            IndexError: there is no such index.
            InputError: it cannot be decoded; others may.
        """
        if not 0 <= index < self.index.info.frames:
            raise IndexError(f"there is no frame {index}")
        with reading(self.index.path):
            picture = self._picture(int(self.index.shown[index]))
        if picture is None:
            raise InputError(f"picture {index} of {self.index.path} is damaged")
        check_size(picture, self.index.size, self.index.path)
        return to_pixels(picture, "rgba")

    def close(self) -> None:
        """Close the file and forget all pictures."""
        self._kept.clear()
        self._close()

    def _open(self) -> None:
        """Begin at the beginning of the file, which is opened anew."""
        self._container = av.open(str(self.index.path), mode="r")
        # Container and streams hold each other, and a file that nobody reads would stay open.
        self._close = weakref.finalize(self, self._container.close)
        self._stream = first_video_stream(self._container, self.index.path)
        self._stream.thread_type = "AUTO"
        self._begin(0, self._container.demux(self._stream))

    def _begin(self, number: int, packets: Iterator[Packet]) -> None:
        """Decode ``packets`` from now on, of which the first is picture ``number``."""
        self._newest = number - 1
        # From the beginning, or after some picture, one that does not come will never come; right
        # after a jump it may take an earlier keyframe.
        self._conclusive = number == 0
        self._decoded = _pictures(self.index, packets, self._newest)

    def _picture(self, number: int) -> av.VideoFrame | None:
        """Picture ``number`` in the order of display; None where it does not decode."""
        if number not in self._kept and number not in self._lost:
            if not self._comes_soon(number):
                self._jump(number, 0)
            for earlier in range(1, _MOST_ENTRIES + 1):
                if self._decode_to(number):
                    break
                self._jump(number, earlier)
            else:
                if not self._decode_to(number):
                    self._lost.add(number)
        return self._kept.get(number)

    def _comes_soon(self, number: int) -> bool:
        """Decoding on takes hardly more than decoding from the keyframe before the picture."""
        if number <= self._newest:
            return False
        entry = self._entry(number)
        first = self.index.number(self.index.keyframes[entry].pts) if entry >= 0 else 0
        return first is None or first - self._newest <= _WORTH_A_SEEK

    def _decode_to(self, number: int) -> bool:
        """Decode on until picture ``number`` has come, or is known to be lost."""
        end: tuple[int, av.VideoFrame | None] = (self.index.pictures, None)
        while self._newest < number:
            try:
                came, picture = next(self._decoded, end)
            except Exception:
                self._newest = self.index.pictures  # the next one needs a jump
                raise
            if self._conclusive:
                self._lost.update(range(self._newest + 1, came))
            self._newest, self._conclusive = came, True
            if picture is not None:
                self._keep(came, picture)
        return number in self._kept or number in self._lost

    def _keep(self, number: int, picture: av.VideoFrame) -> None:
        self._kept[number] = picture
        self._kept.move_to_end(number)
        while len(self._kept) > max(KEPT_BYTES // self.index.picture_bytes, 1):
            self._kept.popitem(last=False)

    def _entry(self, number: int) -> int:
        """Place among the keyframes of the last one that is shown no later than picture ``number``;
        -1 where there is none.
        """
        if self.index.times is None:
            return -1
        time = int(self.index.times[number])
        return bisect.bisect_right(self.index.keyframes, time, key=lambda key: key.pts) - 1

    def _jump(self, number: int, earlier: int) -> None:
        """Begin at the keyframe of picture ``number``, or at one that comes so many earlier."""
        entry = self._entry(number) - earlier
        while entry >= 0:
            key = self.index.keyframes[entry]
            # Formats search by either; where both lead too far they do not know their keyframes.
            for time in dict.fromkeys((key.pts, key.dts)):
                packets = self._packets_at(time)
                landed = next(packets, None)
                if landed is None or landed.pts is None or landed.pts > key.pts:
                    continue
                first = self.index.number(landed.pts)
                if first is not None:
                    self._begin(first, itertools.chain([landed], packets))
                    return
            entry -= 1
        self._close()
        self._open()

    def _packets_at(self, time: int) -> Iterator[Packet]:
        """Packets from a keyframe on, near ``time`` and before it where the format can find it."""
        try:
            self._container.seek(time, stream=self._stream, backward=True)
        except av.FFmpegError:
            return iter(())
        packets = self._container.demux(self._stream)
        return itertools.dropwhile(lambda packet: not packet.is_keyframe, packets)


# Not a method, which would hold the reader: without it the file is closed.
def _pictures(
    index: VideoIndex, packets: Iterator[Packet], newest: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decoded pictures after number ``newest`` with their numbers, which rise. What is shown before
    the keyframe that was begun at, and refers to what came before it, is left out.
    """
    for packet in packets:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue  # what does not come of it is missed
        for frame in frames:
            number = index.number(frame.pts, newest)
            if number is not None and number > newest:
                newest = number
                yield number, frame


def _first_picture(path: Path) -> av.VideoFrame | None:
    with reading(path), av.open(str(path), mode="r") as container:
        for frame in container.decode(container.streams.video[0]):
            return frame
    return None


def _bytes_of(frame: av.VideoFrame) -> int:
    return max(sum(plane.buffer_size for plane in frame.planes), 1)
