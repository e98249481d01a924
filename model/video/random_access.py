"""Pictures of a video in any order, by an index of its packets."""

from __future__ import annotations

import bisect
import itertools
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av

from nerv360.errors import InputError
from nerv360.video.index import VideoIndex, decode_packets
from nerv360.video.reading import reading

if TYPE_CHECKING:
    Packet = av.Packet[av.VideoStream]

KEPT_BYTES = 128 * 2**20
"""Decoded pictures to keep, so that a step back does not decode from the keyframe again."""

IN_DECODER = 20
"""Pictures that a decoder holds, by the largest number of reference pictures and its threads."""

_WORTH_A_SEEK = 8
"""Pictures that a seek must save, because it discards those in the decoder."""

_MOST_ENTRIES = 3
"""Keyframes tried for a picture, each earlier than the one before."""


class DamagedPictureError(InputError):
    """Error about one picture of a video; others may decode.

    Attributes:
        number: of the picture.
    """

    def __init__(self, number: int, path: Path) -> None:
        super().__init__(f"picture {number} of {path} is damaged")
        self.number = number


class VideoReader:
    """Decoder of one video's pictures in any order; used from a single thread.

    Playing on decodes each picture once and never seeks. A jump decodes from the keyframe before.
    The latest pictures are kept, up to `KEPT_BYTES` of them as decoded.
    """

    def __init__(
        self, index: VideoIndex, kept_bytes: int | None = None, device: str | None = None
    ) -> None:
        """Open the file.

        Args:
            kept_bytes: of pictures that stay at hand; `KEPT_BYTES` if None.
            device: as in `Opening.open`.

        Raises:
            InputError: it cannot be read any more.
            RuntimeError: the hardware does not decode it.
        """
        self.index, self._device = index, device
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._lost: set[int] = set()
        with reading(index.opening.path):
            self._open()

    def picture(self, number: int) -> av.VideoFrame:
        """Return stored picture ``number`` in display order, as decoded.

        Raises:
            IndexError: there is no such number.
            InputError: it cannot be decoded; others may.
        """
        index = self.index
        if not 0 <= number < index.pictures:
            raise IndexError(f"there is no picture {number}")
        path = index.opening.path
        with reading(path):
            picture = self._picture(number)
        if picture is None:
            raise DamagedPictureError(number, path)
        if (picture.width, picture.height) != index.size:
            raise InputError(
                f"{path} changes from {index.size[0]}x{index.size[1]} to "
                f"{picture.width}x{picture.height} on the way: give a video of one size"
            )
        return picture

    def close(self) -> None:
        """Close the file and forget all pictures."""
        self._kept.clear()
        self._close()

    def _open(self) -> None:
        """Open the file again, and begin with its first picture."""
        self._container = self.index.opening.open(self._device)
        # Container and streams refer to each other: without this the file would outlive the reader.
        self._close = weakref.finalize(self, self._container.close)
        stream = self._container.streams[self.index.stream]
        if not isinstance(stream, av.VideoStream):
            path = self.index.opening.path
            raise InputError(f"{path} has been replaced by another file: open it again")
        self._stream = stream
        if self._device is None:  # hardware has threads of its own
            # Frame threads lose the last pictures before a cut-off one.
            self._stream.thread_type = "SLICE" if self.index.cut else "AUTO"
        self._begin(0, self._container.demux(self._stream))

    def _begin(self, number: int, packets: Iterator[Packet]) -> None:
        """Decode ``packets`` from now on; the first is picture ``number``."""
        self._newest = number - 1
        # A picture that is missing after an earlier one, or from the beginning, is lost. Right
        # after a jump it may only need an earlier keyframe.
        self._conclusive = number == 0
        self._decoded = _pictures(self.index, packets, self._newest)

    def _picture(self, number: int) -> av.VideoFrame | None:
        """Return picture ``number`` in display order; None if it does not decode."""
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
        """Return whether decoding on takes hardly more than decoding from the keyframe before."""
        if number <= self._newest:
            return False
        entry = self._entry(number)
        first = self.index.number(self.index.keyframes[entry].pts) if entry >= 0 else 0
        return first is None or first - self._newest <= _WORTH_A_SEEK

    def _decode_to(self, number: int) -> bool:
        """Decode on until picture ``number`` has come or is known to be lost."""
        end: tuple[int, av.VideoFrame | None] = (self.index.pictures, None)
        while (newest := self._newest) < number:
            self._newest = self.index.pictures  # after an error the next picture needs a jump
            came, picture = next(self._decoded, end)
            if self._conclusive:
                self._lost.update(range(newest + 1, came))
            self._newest, self._conclusive = came, True
            if picture is not None:
                self._keep(came, picture)
        return number in self._kept or number in self._lost

    def _keep(self, number: int, picture: av.VideoFrame) -> None:
        self._kept[number] = picture
        self._kept.move_to_end(number)
        limit = KEPT_BYTES if self._kept_bytes is None else self._kept_bytes
        while len(self._kept) > max(limit // self.index.picture_bytes, 1):
            self._kept.popitem(last=False)

    def _entry(self, number: int) -> int:
        """Return the index of the last keyframe that is shown no later than a picture, or -1."""
        if self.index.times is None:
            return -1
        time = int(self.index.times[number])
        return bisect.bisect_right(self.index.keyframes, time, key=lambda key: key.pts) - 1

    def _jump(self, number: int, earlier: int) -> None:
        """Begin at the keyframe of picture ``number``, or ``earlier`` keyframes before it."""
        entry = self._entry(number) - earlier
        while entry >= 0:
            key = self.index.keyframes[entry]
            # Formats search by either time; if both lead too far, they do not know their keyframes.
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
        """Yield packets from a keyframe on, near ``time`` and before it if the format finds it."""
        try:
            self._container.seek(time, stream=self._stream, backward=True)
        except av.FFmpegError:
            return iter(())
        packets = self._container.demux(self._stream)
        return itertools.dropwhile(lambda packet: not packet.is_keyframe, packets)


# Not a method: a method would refer to the reader, and the file would not be closed.
def _pictures(
    index: VideoIndex, packets: Iterator[Packet], newest: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield decoded pictures after number ``newest`` with their numbers, which rise.

    Pictures that are shown before the first keyframe, and refer to earlier ones, are left out.
    """
    for frame in decode_packets(packets):
        number = index.number(frame.pts, newest)
        if number is not None and number > newest:
            newest = number
            yield number, frame
