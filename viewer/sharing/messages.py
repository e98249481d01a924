"""Messages between a page and the server that decodes for it.

They go over one WebSocket, ``live`` beside the page.

The page sends JSON texts of at most `MAX_MESSAGE` bytes, each an object with one key:

- ``{"ask": {...}}``: the picture that it wants next. A newer ask replaces an older one of the same
  side that has not been begun; none are queued. Its fields:

  - ``id`` and ``generation``: whole numbers that the picture brings back. The generation grows
    whenever the page opens a decoder.
  - ``decoder``: a name of the scene's.
  - ``side``: 1 for the right side of a comparison, else 0, as if it is left out.
  - ``frame``: the index of the frame to show when the picture arrives.
  - ``look``: yaw, pitch, roll and horizontal field of view to decode, radians. The page predicts
    it from the view, its speed and the time that pictures take, as for its own decoders.
  - ``width``: columns that the view has for the whole picture; more are not sent.

- ``{"seen": n}``: picture ``n`` has arrived. The server sends more only as pictures arrive, and
  fewer at a time if they arrive late, so that none are queued on a slow link.
- ``{"ping": x}``: the server answers ``{"pong": x}``, with which the page measures the link.

The server sends texts and pictures:

- ``{"hello": {"version": 1, "scene": id}}``: first of all. Another id means another scene.
- ``{"error": sentence, "generation": g, "id": i, "ended": e}``: there is no picture for ask ``i``.
  ``ended`` is true if the decoder cannot go on, false if only this frame cannot be decoded.
- ``{"course": {...}}``: loss and quality of a training, as curves.
- ``{"renewed": n}``: pictures are better now; the page asks for its own again.
- A picture, binary: the length of a JSON text as 4 bytes, least first; the text; a JPEG of its
  colours; and a JPEG of its alpha at half its size, unless alpha is 255 everywhere. The text has
  ``number`` (from 1), ``id``, ``generation``, ``frame``, ``look`` as decoded or cut from a whole
  frame, ``width`` and ``height``, and ``colour`` and ``alpha``, the lengths of the JPEGs.

It closes the connection with 1008 after a message that is none of these, 1009 after one too large,
1013 if there are too many visitors and 1001 when it ends.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from nerv360.geometry import Look

if TYPE_CHECKING:
    from nerv360.decoding import Picture

VERSION = 1
MAX_MESSAGE = 2048
QUALITY = 90
"""JPEG's. In the demo a view differs by 49 dB from the decoded one where most moves."""

_MOST_ANGLE = 2 * math.pi
_MOST_COUNT = 2**53
_MAX_WIDTH = 2**20
_UP = math.pi / 2 + 1e-6
_WORTH_RESIZING = 0.7
_UNSEEN = [255] + [0] * 255


class MessageError(ValueError):
    """A message that the protocol does not have."""


@dataclass(frozen=True)
class Ask:
    """Wish for a picture.

    Attributes:
        id, generation: returned with the picture.
        decoder: name of the scene's decoder.
        look: to decode.
        frame: index of the frame.
        width: most columns of use.
        side: 1 for the right side of a comparison, else 0.
    """

    id: int
    generation: int
    decoder: str
    look: Look
    frame: int
    width: int
    side: int = 0


@dataclass(frozen=True)
class Seen:
    """Arrival of a picture."""

    number: int


@dataclass(frozen=True)
class Ping:
    """Question for the round trip, with the page's own value."""

    value: float


def parsed(text: str) -> Ask | Seen | Ping:
    """Parse a message of a page.

    Raises:
        MessageError: it is none, or a value is out of range.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageError("it is not JSON") from error
    if not isinstance(message, dict) or len(message) != 1:
        raise MessageError("it is not an object with one key")
    ((kind, value),) = message.items()
    if kind == "ping":
        return Ping(_number(value, "ping", -_MOST_COUNT, _MOST_COUNT))
    if kind == "seen":
        return Seen(_count(value, "seen", _MOST_COUNT))
    if kind != "ask" or not isinstance(value, dict):
        raise MessageError("it is not known")
    return _ask(value)


def _ask(fields: dict[str, Any]) -> Ask:
    decoder, look = fields.get("decoder"), fields.get("look")
    if not isinstance(decoder, str):
        raise MessageError("its decoder is not a name")
    if not isinstance(look, list) or len(look) != 4:
        raise MessageError("its look does not have four numbers")
    yaw, pitch, roll, hfov = look
    return Ask(
        _count(fields.get("id"), "id", _MOST_COUNT),
        _count(fields.get("generation"), "generation", _MOST_COUNT),
        decoder,
        Look(
            _number(yaw, "yaw", -_MOST_ANGLE, _MOST_ANGLE),
            _number(pitch, "pitch", -_UP, _UP),
            _number(roll, "roll", -_MOST_ANGLE, _MOST_ANGLE),
            _number(hfov, "hfov", 0.01, math.pi - 0.01),
        ),
        _count(fields.get("frame"), "frame", _MOST_COUNT),
        _count(fields.get("width"), "width", _MAX_WIDTH),
        _count(fields.get("side", 0), "side", 1),
    )


def _number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise MessageError(f"its {name} is not a number from {low:g} to {high:g}")
    return float(value)


def _count(value: Any, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise MessageError(f"its {name} is not a whole number from 0 to {most}")
    return value


def picture_message(picture: Picture, ask: Ask, number: int) -> bytes:
    """Pack a decoded picture."""
    pixels = picture.pixels.cpu().numpy()
    width, height = _sent_size(pixels.shape[1], pixels.shape[0], ask.width)
    colour, alpha = _coded(pixels, (width, height))
    look = picture.look
    header = {
        "number": number,
        "id": ask.id,
        "generation": ask.generation,
        "frame": picture.frame,
        "look": [look.yaw, look.pitch, look.roll, look.hfov],
        "width": width,
        "height": height,
        "colour": len(colour),
        "alpha": len(alpha),
    }
    text = json.dumps(header, allow_nan=False).encode()
    return b"".join([len(text).to_bytes(4, "little"), text, colour, alpha])


def _sent_size(width: int, height: int, wanted: int) -> tuple[int, int]:
    """Return width and height with no more columns than are wanted."""
    share = wanted / width
    if share > _WORTH_RESIZING:
        return width, height
    return max(round(width * share), 16), max(round(height * share), 16)


def _coded(pixels: npt.NDArray[np.uint8], size: tuple[int, int]) -> tuple[bytes, bytes]:
    """Return the JPEGs of colours and alpha; alpha's is empty if it is 255 everywhere."""
    whole = Image.fromarray(pixels)
    colours, alpha = whole.convert("RGB"), whole.getchannel("A")
    counts = alpha.histogram()
    if sum(counts[:255]) == 0:
        return _jpeg(colours, size), b""
    if counts[0] > 0 and sum(counts[1:]) > 0:
        # Colours that nobody sees take half of the bytes.
        colours.paste(_typical(pixels), mask=alpha.point(_UNSEEN))
    half = max(size[0] // 2, 1), max(size[1] // 2, 1)
    return _jpeg(colours, size), _jpeg(alpha, half)


def _typical(pixels: npt.NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return the mean colour of what is seen, from few of the pixels."""
    few = pixels[:: pixels.shape[0] // 32 + 1, :: pixels.shape[1] // 32 + 1].reshape(-1, 4)
    seen = few[few[:, 3] > 0, :3]
    red, green, blue = seen.mean(0).astype(int) if len(seen) else (128, 128, 128)
    return int(red), int(green), int(blue)


def _jpeg(image: Image.Image, size: tuple[int, int]) -> bytes:
    if image.size != size:
        image = image.resize(size, Image.Resampling.BOX)
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return packed.getvalue()
