"""Sound as a scene keeps it: encoded, stored, read again, and refused if it is something else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.errors import InputError
from nerv360.scene import (
    SceneHeader,
    bytes_alone,
    coded_scene,
    merged,
    read_coded_scene,
    read_header,
    read_scene,
    with_sound,
    write_coded,
    write_scene,
)
from nerv360.sound import RATE, SoundReader, check_opus, clip_sound, encoded, find_track
from nerv360.video import open_clip
from tests.support.broken_scenes import Parts
from tests.support.scenes import tiny_scene
from tests.support.sounds import clicks, sa3d, sounding_clip, tone, with_sound_box


def opus_of(path: Path, seconds: float, kbps: int = 96) -> bytes:
    track = clip_sound(open_clip(path))
    assert track is not None
    return encoded(track, seconds, kbps)


def decoded(content: bytes, count: int) -> npt.NDArray[np.float32]:
    track = find_track(content, "a scene")
    assert track is not None
    reader = SoundReader(track)
    try:
        return reader.read(0, count)
    finally:
        reader.close()


@pytest.fixture(scope="module")
def opus(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return opus_of(sounding_clip(tmp_path_factory.mktemp("a") / "a.mp4", clicks(2.0)), 2.0)


def test_clicks_stay_where_they_are(opus: bytes) -> None:
    loud = np.flatnonzero(np.abs(decoded(opus, 2 * RATE)).max(1) > 0.2)
    begins = loud[np.diff(loud, prepend=-RATE) > RATE // 10] / RATE
    assert begins == pytest.approx([0.25, 0.75, 1.25, 1.75], abs=0.003)
    assert check_opus(opus) == 2


def test_it_is_as_long_as_the_clip_and_as_large_as_is_asked_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 4 * RATE)).astype(np.float32)
    path = sounding_clip(tmp_path / "a.mp4", noise, layout="stereo")
    small, large = opus_of(path, 3.0, 32), opus_of(path, 3.0, 96)
    assert len(small) == pytest.approx(3 * 32_000 / 8, rel=0.3)
    assert len(large) == pytest.approx(3 * 96_000 / 8, rel=0.3)
    heard = decoded(large, 4 * RATE)
    assert heard[: 3 * RATE].std() > 0.05
    assert not heard[3 * RATE + 100 :].any()


def test_ambisonics_stay_ambisonics(tmp_path: Path) -> None:
    channels = np.stack([tone(2.0, hertz) for hertz in (400, 800, 1200, 1600)])
    path = sounding_clip(tmp_path / "a.mp4", channels, layout="4.0")
    content = opus_of(with_sound_box(path, sa3d()), 2.0)
    assert check_opus(content) == 4
    track = find_track(content, "a scene")
    assert track is not None
    assert track.is_ambisonic
    spectrum = np.abs(np.fft.rfft(decoded(content, RATE), axis=0))
    assert spectrum.argmax(0).tolist() == [400, 800, 1200, 1600]


def test_a_scene_keeps_its_sound(tmp_path: Path, opus: bytes) -> None:
    path, silent = tmp_path / "scene.safetensors", tmp_path / "silent.safetensors"
    write_scene(silent, tiny_scene())
    write_scene(path, replace(tiny_scene(), sound=opus))
    assert read_scene(path).sound == opus
    assert read_scene(silent).sound is None
    stored = read_header(path)
    assert (stored.sound_bytes, stored.header.sound_channels) == (len(opus), 2)
    assert bytes_alone(path, "nerv360") == bytes_alone(silent, "nerv360")


def test_older_programs_read_scenes_without_sound(tmp_path: Path, opus: bytes) -> None:
    path = tmp_path / "scene.safetensors"
    for sound, version in ((None, 3), (opus, 4)):
        write_scene(path, replace(tiny_scene(), sound=sound))
        parts = Parts(path.read_bytes())
        assert parts.scene["version"] == version
        assert ("sound" in parts.scene["scene"]) == (sound is not None)


def test_a_decoder_is_added_to_a_scene_with_sound(tmp_path: Path, opus: bytes) -> None:
    path = tmp_path / "scene.safetensors"
    ours, theirs = coded_scene(tiny_scene()), coded_scene(tiny_scene("hnerv"))
    for existing, addition in (
        (with_sound(ours, opus), theirs),
        (ours, with_sound(theirs, opus)),
        (with_sound(ours, opus), with_sound(theirs, opus)),
    ):
        write_coded(path, merged(existing, addition))
        assert read_scene(path).sound == opus
        header: SceneHeader = read_coded_scene(path).header
        assert set(header.configs) == {"nerv360", "hnerv"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the sound has 0 bytes, not 1 to"),
        (b"OggS", "the sound is not Opus in an Ogg file"),
        (b"OggS" + bytes(22) + b"\xff" + bytes(10), "the sound is not Opus in an Ogg file"),
        (b"RIFF" + bytes(100), "the sound is not Opus in an Ogg file"),
        (b"OggS" + bytes(22) + b"\x01\x00\x01vorbis" + bytes(40), "the sound is not Opus"),
        (
            b"OggS" + bytes(22) + b"\x00OpusHead\x01\x09" + bytes(8) + b"\x02",
            "the sound has 9 channels in the mapping family 2 of Opus",
        ),
    ],
)
def test_other_content_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        check_opus(content)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda parts, opus: parts.replace("sound", b"x" * 50), "is not Opus in an Ogg file"),
        (
            lambda parts, opus: parts.scene["scene"].update(sound={"channels": 4}),
            "the sound has 2 channels, not 4",
        ),
        (
            lambda parts, opus: parts.scene["scene"].update(sound={"channels": 5}),
            "its sound: channels must be between 1 and 4",
        ),
        (lambda parts, opus: parts.scene["scene"].update(sound=[1]), "sound must be a map"),
        (
            lambda parts, opus: parts.scene["scene"].update(sound=None),
            "the tensor 'sound' does not belong to it",
        ),
        (
            lambda parts, opus: parts.header["sound"].update(shape=[len(opus) // 2, 2]),
            "the sound has the shape",
        ),
        (
            lambda parts, opus: parts.header["sound"].update(dtype="F16", shape=[len(opus) // 2]),
            "has the type F16, not U8",
        ),
    ],
)
def test_hostile_scenes_are_refused_in_one_sentence(
    tmp_path: Path, opus: bytes, change: object, sentence: str
) -> None:
    content = opus[: len(opus) // 2 * 2]
    path = tmp_path / "scene.safetensors"
    write_scene(path, replace(tiny_scene(), sound=content))
    parts = Parts(path.read_bytes())
    change(parts, content)  # type: ignore[operator]
    path.write_bytes(parts.bytes())
    with pytest.raises(InputError, match=sentence) as refused:
        read_scene(path)
    assert str(path) in str(refused.value)


def test_truncated_sound_is_silent_at_its_end(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 8 * RATE).astype(np.float32)
    whole = opus_of(sounding_clip(tmp_path / "a.mp4", noise), 8.0)
    heard = decoded(whole[: len(whole) // 2], 8 * RATE)
    assert np.abs(heard[: 2 * RATE]).max() > 0.2
    assert not heard[-2 * RATE :].any()
    with pytest.raises(InputError, match="the sound of a scene cannot be read"):
        find_track(whole[:200], "a scene")


def test_too_much_sound_is_refused_before_it_is_encoded(tmp_path: Path) -> None:
    path = sounding_clip(tmp_path / "a.mp4", tone(0.4))
    with pytest.raises(InputError, match="more than 64 MiB: give fewer kilobits"):
        opus_of(path, 1e6)


def test_a_scene_is_not_written_with_other_sound(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not Opus"):
        write_scene(tmp_path / "a.safetensors", replace(tiny_scene(), sound=b"other"))
    assert not list(tmp_path.iterdir())
