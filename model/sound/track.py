"""Sound track of a clip: its stream, and the meaning of its channels."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av

from nerv360.errors import InputError
from nerv360.video import Ambisonics, Opening, failure_reason, read_boxes

if TYPE_CHECKING:
    from nerv360.video import Clip

_MOST_CHANNELS = 64
_RATES = (4_000, 768_000)
_FIRST_ORDER = (4, 6, 9, 11, 16, 18, 25, 27, 36, 38)
"""Numbers of channels of ambisonics of order 1 to 5, without and with two channels beside them."""


@dataclass(frozen=True, eq=False)
class SoundTrack:
    """Sound of a clip, not decoded; it holds no file open.

    Attributes:
        source: how to open its file, or the content of the file.
        name: of the file, for messages.
        stream: index of the stream.
        channels: in a block of `SoundReader`: 2, or 4 of first-order ambisonics.
        places: channels of the stream that carry W, Y, Z and X; empty if it is no ambisonics.
        begin_s: time in the file at which the clip begins.
        codec: its name.
    """

    source: Opening | bytes = field(repr=False)
    name: str
    stream: int
    channels: int
    places: tuple[int, ...]
    begin_s: float
    codec: str

    @property
    def is_ambisonic(self) -> bool:
        """Whether it turns with the look."""
        return bool(self.places)

    def open(self) -> av.container.InputContainer:
        """Open the file.

        Raises:
            InputError: it cannot be read any more.
        """
        return _opened(self.source, self.name)


def clip_sound(clip: Clip) -> SoundTrack | None:
    """Return the sound of a clip, or None if it has none.

    Raises:
        InputError: it has one that cannot be played.
    """
    origin = clip.sound_origin()
    if origin is None:
        return None
    opening, begin_s = origin
    return find_track(opening, str(opening.path), begin_s)


def find_track(source: Opening | bytes, name: str, begin_s: float = 0.0) -> SoundTrack | None:
    """Return the sound track that a file offers first, or None if it has none.

    Args:
        source: how to open the file, or its content.
        name: of the file, for messages.
        begin_s: time in the file at which the clip begins.

    Raises:
        InputError: the file cannot be read, or its sound cannot be played.
    """
    container = _opened(source, name)
    with container:
        stream = container.streams.best("audio")
        if not isinstance(stream, av.AudioStream):
            return None
        context = stream.codec_context
        if context is None:
            raise InputError(f"the sound of {name} has a codec that is not known here")
        channels, rate = context.channels, context.sample_rate
        if not 1 <= channels <= _MOST_CHANNELS or not _RATES[0] <= rate <= _RATES[1]:
            raise InputError(
                f"the sound of {name} has {channels} channels of {rate} samples a second: at most "
                f"{_MOST_CHANNELS} channels of {_RATES[0]} to {_RATES[1]} can be played"
            )
        declared = None
        if isinstance(source, Opening):
            boxes = read_boxes(source.path)
            declared = next((b.ambisonics for b in boxes if b.track == stream.id), None)
        places = _places(declared, context.layout.name, channels, name)
        return SoundTrack(
            source=source,
            name=name,
            stream=stream.index,
            channels=4 if places else 2,
            places=places,
            begin_s=begin_s,
            codec=context.name,
        )


def _places(declared: Ambisonics | None, layout: str, channels: int, name: str) -> tuple[int, ...]:
    """Return the channels that carry W, Y, Z and X; none if the sound is not declared ambisonic."""
    if declared is None:
        known = layout.startswith("ambisonic") and channels in _FIRST_ORDER
        return (0, 1, 2, 3) if known else ()
    components = declared.components
    if not declared.is_ambix or len(components) > channels or not {0, 1, 2, 3} <= set(components):
        raise InputError(
            f"the sound of {name} is ambisonics of an unknown kind: its SA3D box must say ACN "
            f"order, SN3D weights and a channel for each component"
        )
    return tuple(components.index(component) for component in range(4))


def _opened(source: Opening | bytes, name: str) -> av.container.InputContainer:
    try:
        if isinstance(source, Opening):
            return source.open()
        return av.open(io.BytesIO(source), "r", format="ogg")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"the sound of {name} cannot be read ({failure_reason(error)})") from error
