"""Sound of a served clip: encoded once, sent to all who ask, and ended with the server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nerv360.errors import InputError
from nerv360.sound import clip_sound, encode_into, encoded
from nerv360.video import open_clip
from nerv360.viewer.opening import prepare_clip
from nerv360.viewer.sharing import Live
from nerv360.viewer.sharing import clip_sound as module
from tests.support.serving import answer, get, running, shared_decoding, status
from tests.support.sounds import sounding_clip, tone

SECONDS = 2.0


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return sounding_clip(tmp_path / "hum.mp4", tone(SECONDS))


@contextlib.contextmanager
def serving(clip: Path, folder: Path) -> Iterator[int]:
    with (
        shared_decoding(prepare_clip(open_clip(clip))) as shared,
        running(folder, live=Live(shared, "hum", 2)) as address,
    ):
        yield address.port


def test_it_is_encoded_once_and_sent_to_all(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = []

    def counted(*given: Any) -> None:
        times.append(1)
        encode_into(*given)

    monkeypatch.setattr(module, "encode_into", counted)
    with serving(clip, tmp_path) as port:
        said = [answer(port, get("/sound.ogg", "localhost")) for _ in range(2)]
        head = answer(port, get("/sound.ogg", "localhost", method="HEAD"))
    assert [status(each) for each in (*said, head)] == [200, 200, 200]
    assert b"Content-Type: audio/ogg" in head
    assert head.endswith(b"\r\n\r\n")
    assert b"Cross-Origin-Resource-Policy: same-origin" in head
    track = clip_sound(open_clip(clip))
    assert track is not None
    wanted = encoded(track, SECONDS)
    for each in said:
        assert abs(len(each) - len(wanted)) < 2000
        assert each.count(b"OpusHead") == 1
    assert times == [1]


def test_damaged_sound_breaks_the_connection(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*given: object) -> None:
        raise InputError("the sound of hum.mp4 cannot be read")

    monkeypatch.setattr(module, "encode_into", refuse)
    with serving(clip, tmp_path) as port:
        said = answer(port, get("/sound.ogg", "localhost"))
    assert not said.endswith(b"0\r\n\r\n"), "it is not complete"
    assert "the page goes on without sound" in caplog.text


def test_it_ends_with_the_server(clip: Path) -> None:
    sound = module.ClipSound(lambda: clip_sound(open_clip(clip)), SECONDS)
    assert sound.write(b"OggS") == 4
    sound.stop()
    with pytest.raises(OSError, match="the server ends"):
        sound.write(b"OggS")
