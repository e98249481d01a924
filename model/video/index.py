"""Index of a video: the times of its pictures, and the keyframes from which they decode."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import av
import numpy as np
import numpy.typing as npt

from nerv360.errors import InputError
from nerv360.video.frame_rate import FrameRate, believable, find_frame_rate
from nerv360.video.reading import (
    Opening,
    check_file,
    choose_stream,
    reading,
    stream_note,
    twin_stream,
)

_Stream = TypeVar("_Stream", av.VideoStream, av.AudioStream)

ASSUMED_FPS = 30.0
"""Pictures a second if nothing is said."""

_UNTIMED = ("avi", "h264", "hevc", "m4v", "mpegvideo")
"""Formats that store no times: FFmpeg makes them up, and they are wrong if the order differs."""

_LONGEST_TAIL = 600
"""Packets after the last keyframe that are decoded to see whether the end of a file is whole."""


@dataclass(frozen=True)
class Keyframe:
    """Times of a keyframe's packet, in ticks of the stream."""

    pts: int
    dts: int


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """Times of the pictures of a video that decode, and its keyframes; it holds no file open.

    Attributes:
        opening: how the file is opened.
        stream: index of the stream.
        twin: index of the only other stream of the same size; None if there is none.
        track: its number in the file's own numbering.
        codec: its name.
        size: width and height as coded.
        shape: width over height of a pixel.
        tags: of the file and the stream.
        picture_bytes: of one decoded picture.
        times: of the pictures in the order in which they are shown, in ticks of the stream; None
            if the file has none, and pictures are known by their place only.
        pictures: how many there are, from the first that decodes to the last.
        keyframes: by time.
        cut: the file ends in the middle of a picture.
        frame_rate: the constant rate, and the repeats that bring the pictures to it.
        has_sound: the file has sound.
        begin_s: time in the file of the first picture.
        notes: sentences without a full stop on what was left out or assumed.
    """

    opening: Opening
    stream: int
    twin: int | None
    track: int
    codec: str
    size: tuple[int, int]
    shape: float
    tags: dict[str, str]
    picture_bytes: int
    times: npt.NDArray[np.int64] | None
    pictures: int
    keyframes: tuple[Keyframe, ...]
    cut: bool
    frame_rate: FrameRate
    has_sound: bool
    begin_s: float = 0.0
    notes: tuple[str, ...] = ()

    def number(self, time: int | None, last: int = -1) -> int | None:
        """Return the number of the picture with a ``time``, after picture ``last``, or None."""
        if self.times is None:
            return last + 1
        if time is None:
            return None
        low, high = (int(np.searchsorted(self.times, time, side)) for side in ("left", "right"))
        # Several pictures with one time are numbered one after the other.
        return min(max(low, last + 1), high - 1) if low < high else None


@dataclass
class _Packets:
    """Times and keyframes by the packets of a stream, and its own claims on them.

    Attributes:
        tick: unit of times, in seconds.
        rates: that the file claims, pictures a second, the most trustworthy first.
        untimed: the format stores no times.
        promised: number of pictures that the file claims.
        hidden: packets of pictures that are not to be shown.
        cut: the stream ends in the middle of a picture.
        jumps_back: decoding times fall.
    """

    tick: Fraction
    rates: tuple[Fraction | None, ...]
    untimed: bool
    promised: int = 0
    times: list[int | None] = field(default_factory=list)
    keyframes: list[Keyframe] = field(default_factory=list)
    hidden: int = 0
    cut: bool = False
    jumps_back: bool = False


def index_video(opening: Opening, stream: int | None = None) -> tuple[VideoIndex, av.VideoFrame]:
    """Index a video by its packets, and return its first picture.

    No more is decoded than that and, if the file may be cut off, its end.

    Args:
        opening: how to open the file.
        stream: index of the stream; the one that the file offers if it is None.

    Raises:
        InputError: nothing is there, it cannot be read, or no picture decodes.
    """
    path = opening.path
    check_file(path)
    with reading(path), opening.open() as container:
        chosen = choose_stream(container, path)
        if stream is not None and isinstance(other := container.streams[stream], av.VideoStream):
            chosen = other
        note, twin = stream_note(container, chosen), twin_stream(container, chosen)
        packets = _read_packets(container, chosen)
        number, track, codec = chosen.index, chosen.id, chosen.codec_context.name
        tags = {**container.metadata, **chosen.metadata}
        shape = float(chosen.sample_aspect_ratio or 1)
        sound = bool(container.streams.audio)
    first = next(_decoded(opening, number), None)
    if not packets.times or first is None or first.width < 1 or first.height < 1:
        raise InputError(f"{path} holds no picture that can be decoded: give a whole video")
    times, lost = None, list[str]()
    if packets.untimed:
        pictures, timed = len(packets.times), packets.times
    elif None in packets.times or packets.jumps_back:
        pictures, timed = sum(1 for _ in _decoded(opening, number)), []
    else:
        times, lost = _decodable(opening, number, packets, first.pts)
        pictures, timed = len(times), times.tolist()
    frame_rate = _frame_rate(timed, packets.rates, packets.tick)
    jump = "its times jump back: its pictures are taken in the order of the file"
    notes = (note, jump if packets.jumps_back else None, *lost, frame_rate.note)
    index = VideoIndex(
        opening=opening,
        stream=number,
        twin=twin,
        track=track,
        codec=codec,
        size=(first.width, first.height),
        shape=shape,
        tags=tags,
        picture_bytes=max(sum(plane.buffer_size for plane in first.planes), 1),
        times=times,
        pictures=pictures,
        keyframes=() if times is None else tuple(packets.keyframes),
        cut=packets.cut,
        frame_rate=frame_rate,
        has_sound=sound,
        begin_s=0.0 if times is None else float(times[0] * packets.tick),
        notes=tuple(filter(None, notes)),
    )
    return index, first


def _decodable(
    opening: Opening, stream: int, packets: _Packets, first: int | None
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the times of the pictures that decode, in order, and notes on the others.

    Args:
        first: time of the first picture that decodes.
    """
    times = np.sort(np.array(packets.times, np.int64))
    early = 0 if first is None else int(np.searchsorted(times, first))
    early %= len(times)  # a time after all others is wrong
    times, late = times[early:], 0
    if packets.cut or packets.promised != len(packets.times):
        end = _last_decodable(opening, stream, times, packets.keyframes) + 1
        late = max(packets.promised - len(packets.times), 0) + len(times) - end
        times = times[:end]
    return times, _lost_notes(early, late, packets.promised)


def _lost_notes(early: int, late: int, promised: int) -> list[str]:
    notes = []
    if early:
        notes.append(
            f"its first {_pictures(early)} cannot be decoded without what was cut off before: "
            f"{'it is' if early == 1 else 'they are'} left out"
        )
    if late:
        of_all = f" of {promised}" if promised else ""
        notes.append(
            f"it is cut off: its last {_pictures(late)}{of_all} cannot be decoded and "
            f"{'is' if late == 1 else 'are'} left out"
        )
    return notes


def _pictures(number: int) -> str:
    return "picture" if number == 1 else f"{number} pictures"


def _read_packets(container: av.container.InputContainer, stream: av.VideoStream) -> _Packets:
    untimed = container.format.name in _UNTIMED
    # The most trustworthy first.
    rates = stream.average_rate, stream.base_rate, stream.guessed_rate
    found = _Packets(stream.time_base or Fraction(0), rates, untimed)
    last, demuxed = None, container.demux(stream)
    while True:
        try:
            packet = next(demuxed, None)
        except (av.FFmpegError, OSError):
            if not found.times:
                raise
            found.cut = True
            break
        if packet is None:
            break
        if packet.is_discard:
            found.hidden += 1
        if not packet.size or packet.is_discard:
            continue
        if packet.dts is not None:
            found.jumps_back |= last is not None and packet.dts < last
            last = packet.dts
        found.times.append(packet.pts)
        found.cut = found.cut or packet.is_corrupt
        if packet.is_keyframe and packet.pts is not None:
            dts = packet.pts if packet.dts is None else packet.dts
            found.keyframes.append(Keyframe(packet.pts, dts))
    found.keyframes.sort(key=lambda key: key.pts)
    found.promised = max(stream.frames - found.hidden, 0)
    return found


def _last_decodable(
    opening: Opening, stream: int, times: npt.NDArray[np.int64], keyframes: Sequence[Keyframe]
) -> int:
    """Return the number of the last picture that decodes, from the keyframes at the end."""
    for key in reversed(keyframes):
        after = len(times) - int(np.searchsorted(times, key.pts))
        if after > _LONGEST_TAIL:
            break
        last = max((f.pts for f in _decoded(opening, stream, key) if f.pts is not None), default=-1)
        found = int(np.searchsorted(times, last, "right")) - 1
        if last >= key.pts and found >= 0:
            return found
    return len(times) - 1


def _decoded(opening: Opening, stream: int, key: Keyframe | None = None) -> Iterator[av.VideoFrame]:
    """Decode from the beginning or from a keyframe, skipping damaged pictures."""
    with reading(opening.path), opening.open() as container:
        video = container.streams[stream]
        assert isinstance(video, av.VideoStream)
        packets = container.demux(video)
        if key is not None:
            try:
                container.seek(key.dts, stream=video, backward=True)
            except av.FFmpegError:
                return
            packets = itertools.dropwhile(lambda p: p.pts != key.pts, container.demux(video))
        yield from decode_packets(packets)


def decode_packets(packets: Iterator[av.Packet[_Stream]]) -> Iterator[Any]:
    """Decode ``packets`` to frames of their kind; those lost to a damaged one are missing."""
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _frame_rate(
    times: Sequence[int | None], claimed: Sequence[Fraction | None], tick: Fraction
) -> FrameRate:
    """Return the constant rate of pictures with these times, in ``tick`` seconds and any order."""
    known = sorted(time * tick for time in times if time is not None)
    frame_rate = find_frame_rate(known, claimed[0], tick) if len(known) == len(times) else None
    if frame_rate is None:  # pictures without times, or only one
        rate = next((rate for rate in claimed if rate and believable(rate)), None)
        frame_rate = FrameRate(rate or Fraction(ASSUMED_FPS))
    return frame_rate
