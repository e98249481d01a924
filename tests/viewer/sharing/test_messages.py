"""Messages between a page and what decodes for it: what is understood, and what a picture holds."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nerv360.decoding import Picture
from nerv360.geometry import Look
from nerv360.viewer.sharing.messages import (
    MAX_MESSAGE,
    Ask,
    MessageError,
    Ping,
    Seen,
    parsed,
    picture_message,
)
from tests.support.fake_engine import rgba, sphere_viewport

ASK = {
    "id": 7, "generation": 2, "decoder": "one", "frame": 3, "look": [0.5, -0.2, 0, 1.3],
    "width": 1280,
}  # fmt: skip


def test_the_three_messages_are_understood() -> None:
    assert parsed(json.dumps({"ask": ASK})) == Ask(7, 2, "one", Look(0.5, -0.2, 0, 1.3), 3, 1280)
    right = parsed(json.dumps({"ask": {**ASK, "side": 1}}))
    assert right == Ask(7, 2, "one", Look(0.5, -0.2, 0, 1.3), 3, 1280, 1)
    assert parsed('{"seen": 12}') == Seen(12)
    assert parsed('{"ping": 12.5}') == Ping(12.5)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "{}", "null", '{"seen": 1, "ping": 1}', '{"open": 1}', '{"seen": -1}',
        '{"seen": 1.5}', '{"seen": true}', '{"seen": "1"}', '{"ping": NaN}', '{"ping": Infinity}',
        '{"ping": 1e400}', '{"ask": 1}', '{"ask": {}}', "[" * 2000, '{"seen": ' + "9" * 1000 + "}",
        '{"seen": ' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_others_are_refused(text: str) -> None:
    with pytest.raises(MessageError):
        parsed(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None), ("id", -1), ("id", 2**60), ("generation", 1.5), ("decoder", 1), ("frame", -1),
        ("frame", True), ("look", [0, 0, 0]), ("look", [0, 0, 0, 0]), ("look", [0, 2, 0, 1]),
        ("look", [0, 0, 0, math.pi]), ("look", [6.5, 0, 0, 1]), ("look", ["0", 0, 0, 1]),
        ("look", {"yaw": 0}), ("width", 2**40), ("width", "wide"), ("look", [math.nan, 0, 0, 1]),
        ("side", 2), ("side", -1), ("side", None), ("side", True),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(MessageError, match="its"):
        parsed(json.dumps({"ask": {**ASK, field: value}}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from([*ASK, "side", "ask"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=200)
    | JSON.map(json.dumps)
    | JSON.map(lambda value: json.dumps({"ask": value}))
    | st.tuples(st.sampled_from([*ASK, "side"]), JSON).map(
        lambda pair: json.dumps({"ask": {**ASK, pair[0]: pair[1]}})
    )
    | st.tuples(st.sampled_from(["seen", "ping"]), JSON).map(lambda pair: json.dumps(dict([pair])))
)
def test_whatever_comes_is_understood_within_its_limits_or_refused(text: str) -> None:
    try:
        message = parsed(text[:MAX_MESSAGE])
    except MessageError as error:
        assert len(str(error)) < 120, "it is sent back, and quotes nothing"
        return
    if isinstance(message, Ask):
        look = message.look
        assert 0 < look.hfov < math.pi
        assert all(map(math.isfinite, (look.yaw, look.pitch, look.roll)))
        assert message.frame >= 0
        assert isinstance(message.decoder, str)
    else:
        assert isinstance(message, Seen | Ping)


def unpacked(message: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length])
    colour, alpha = header["colour"], header["alpha"]
    assert len(message) == 4 + length + colour + alpha
    rest = message[4 + length :]
    return header, rest[:colour], rest[colour:]


def pixels_of(packed: bytes) -> Any:
    return np.array(Image.open(io.BytesIO(packed))).astype(float)


def test_a_picture_arrives_as_it_was_decoded() -> None:
    look = Look(0.4, 0.1, 0.0, 1.2)
    pixels = rgba(sphere_viewport(look, 270, 480))
    picture = Picture(pixels, look, 3, False, 0.01)
    header, colour, alpha = unpacked(picture_message(picture, parsed(json.dumps({"ask": ASK})), 9))  # type: ignore[arg-type]
    assert header["number"] == 9
    assert (header["id"], header["generation"], header["frame"]) == (7, 2, 3)
    assert header["look"] == [0.4, 0.1, 0.0, 1.2]
    error = np.square(pixels_of(colour) - pixels[..., :3].numpy()).mean()
    assert 10 * math.log10(255**2 / error) > 42
    assert alpha == b"", "a picture without a still panorama hides all"


def test_what_is_not_seen_costs_little_and_alpha_is_small() -> None:
    look, ask = Look(), Ask(0, 0, "one", Look(), 0, 4000)
    pixels = rgba(sphere_viewport(look, 270, 480))
    noise = torch.randint(0, 255, (270, 240, 3), dtype=torch.uint8)
    pixels[:, 240:, :3], pixels[:, 240:, 3] = noise, 0
    header, colour, alpha = unpacked(picture_message(Picture(pixels, look, 0, False, 0.01), ask, 1))
    assert len(colour) < 20_000
    shown = pixels_of(alpha)
    assert shown.shape == (135, 240)
    assert shown[:, :115].min() > 250
    assert shown[:, 125:].max() < 5
    error = np.square(pixels_of(colour) - pixels[..., :3].numpy())[:, :230].mean()
    assert 10 * math.log10(255**2 / error) > 42
    assert (header["width"], header["height"]) == (480, 270)


def test_a_small_view_gets_small_pictures() -> None:
    pixels = rgba(sphere_viewport(Look(), 270, 480))
    picture = Picture(pixels, Look(), 0, False, 0.01)
    for width, expected in ((240, (240, 135)), (400, (480, 270)), (0, (16, 16))):
        ask = Ask(0, 0, "one", Look(), 0, width)
        header, colour, _ = unpacked(picture_message(picture, ask, 1))
        assert (header["width"], header["height"]) == expected
        assert pixels_of(colour).shape[:2] == expected[::-1]
