"""Sound of clips: any kind of track, from any time on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.errors import InputError
from nerv360.sound import RATE, SoundReader, SoundTrack, clip_sound, find_track
from nerv360.video import Opening, open_clip
from tests.support.clips import encode, ramp
from tests.support.sounds import clicks, sa3d, sounding_clip, tone, with_sound_box


def track_of(path: Path, **options: float) -> SoundTrack:
    track = clip_sound(open_clip(path, **options))  # type: ignore[arg-type]
    assert track is not None
    return track


def read(track: SoundTrack, start: int, count: int) -> npt.NDArray[np.float32]:
    reader = SoundReader(track)
    try:
        return reader.read(start, count)
    finally:
        reader.close()


def onsets(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the times at which clicks begin, in seconds."""
    loud = np.flatnonzero(np.abs(samples).max(1) > 0.2)
    return loud[np.diff(loud, prepend=-RATE) > RATE // 10] / RATE


@pytest.mark.parametrize(
    ("suffix", "codec", "layout", "rate"),
    [
        ("mp4", "aac", "mono", 48_000),
        ("mp4", "aac", "stereo", 44_100),
        ("mkv", "libopus", "stereo", 48_000),
        ("mov", "pcm_s16le", "mono", 16_000),
        ("mkv", "flac", "stereo", 96_000),
    ],
)
def test_a_tone_keeps_pitch_level_and_time(
    tmp_path: Path, suffix: str, codec: str, layout: str, rate: int
) -> None:
    samples = np.stack([tone(2.0, 440, rate)] * (1 if layout == "mono" else 2))
    path = sounding_clip(tmp_path / f"a.{suffix}", samples, layout=layout, codec=codec, rate=rate)
    track = track_of(path)
    assert (track.channels, track.is_ambisonic) == (2, False)
    whole = read(track, 0, 2 * RATE)
    expected = tone(2.0)[:, None]
    middle = slice(RATE // 4, 7 * RATE // 4)
    assert np.abs(whole[middle] - expected[middle]).max() < 0.1
    assert not read(track, 3 * RATE, 1000).any()


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "libopus")])
def test_any_time_reads_as_in_a_row(tmp_path: Path, suffix: str, codec: str) -> None:
    path = sounding_clip(tmp_path / f"a.{suffix}", clicks(4.0), codec=codec)
    reader = SoundReader(track_of(path))
    whole = np.concatenate([reader.read(start, 480) for start in range(0, 4 * RATE, 480)])
    assert onsets(whole) == pytest.approx(np.arange(0.25, 4, 0.5), abs=0.002)
    for start in (RATE, 3 * RATE, 100, 2 * RATE + 77, 0):
        again = reader.read(start, RATE // 2)
        expected = whole[start : start + RATE // 2]
        assert onsets(again) == pytest.approx(onsets(expected), abs=0.002)
        if suffix == "mp4":  # Matroska's times are rounded to milliseconds
            assert np.abs(again - expected).max() < 0.02
    reader.close()


def test_a_trimmed_clip_begins_with_its_first_frame(tmp_path: Path) -> None:
    path = sounding_clip(tmp_path / "a.mp4", clicks(4.0))
    samples = read(track_of(path, start=1.2), 0, 2 * RATE)
    assert onsets(samples) == pytest.approx([0.05, 0.55, 1.05, 1.55], abs=0.002)
    before = read(track_of(path), -RATE, 2 * RATE)
    assert onsets(before) == pytest.approx([1.25, 1.75], abs=0.002)


def four(seconds: float) -> npt.NDArray[np.float32]:
    """Components of different pitch."""
    return np.stack([tone(seconds, hertz) for hertz in (400, 800, 1200, 1600)])


def pitches(samples: npt.NDArray[np.float32]) -> list[int]:
    spectrum = np.abs(np.fft.rfft(samples, axis=0))
    return [round(float(peak) * RATE / len(samples)) for peak in spectrum.argmax(0)]


@pytest.mark.parametrize("codec", ["aac", "libopus"])
def test_ambisonics_are_told_by_their_box(tmp_path: Path, codec: str) -> None:
    options = {"mapping_family": "255"} if codec == "libopus" else {}
    path = sounding_clip(tmp_path / "a.mp4", four(2.0), layout="4.0", codec=codec, options=options)
    assert track_of(path).channels == 2
    entry = b"Opus" if codec == "libopus" else b"mp4a"
    with_sound_box(path, sa3d(), entry)
    track = track_of(path)
    assert (track.channels, track.places) == (4, (0, 1, 2, 3))
    assert pitches(read(track, RATE // 2, RATE)) == [400, 800, 1200, 1600]


def test_a_box_may_name_another_order_of_channels(tmp_path: Path) -> None:
    path = sounding_clip(tmp_path / "a.mp4", four(2.0), layout="4.0")
    with_sound_box(path, sa3d((1, 0, 3, 2)))
    assert pitches(read(track_of(path), RATE // 2, RATE)) == [800, 400, 1600, 1200]


def test_opus_says_by_itself_that_it_is_ambisonic(tmp_path: Path) -> None:
    path = sounding_clip(
        tmp_path / "a.mkv",
        four(2.0),
        layout="4.0",
        codec="libopus",
        options={"mapping_family": "2"},
    )
    assert track_of(path).is_ambisonic


@pytest.mark.parametrize(
    "declared", [sa3d(ordering=1), sa3d(weights=1), sa3d((0, 1, 2, 9)), sa3d((0, 1))]
)
def test_unknown_ambisonics_are_refused(tmp_path: Path, declared: bytes) -> None:
    path = sounding_clip(tmp_path / "a.mp4", four(0.4), layout="4.0")
    with_sound_box(path, declared)
    with pytest.raises(InputError, match=r"a\.mp4 is ambisonics of an unknown kind: its SA3D"):
        clip_sound(open_clip(path))


def test_surround_becomes_stereo(tmp_path: Path) -> None:
    samples = np.stack([tone(1.0)] + [np.zeros(RATE, np.float32)] * 5)
    track = track_of(sounding_clip(tmp_path / "a.mp4", samples, layout="5.1"))
    left, right = np.abs(read(track, RATE // 4, RATE // 2)).max(0)
    assert track.channels == 2
    assert left > 10 * right


def test_silent_clips_have_no_track(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", [ramp(i) for i in range(10)])
    assert clip_sound(open_clip(path)) is None
    assert find_track(Opening(path), "a.mp4") is None


@pytest.mark.parametrize("cut", [0.35, 0.6, 0.9])
def test_damaged_sound_is_silent_where_it_is_damaged(tmp_path: Path, cut: float) -> None:
    path = sounding_clip(tmp_path / "a.mkv", clicks(4.0), codec="libopus")
    track, data = track_of(path), path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    samples = read(track, 0, 5 * RATE)
    assert len(samples) == 5 * RATE
    assert np.isfinite(samples).all()
    noise = np.random.default_rng(1).bytes(len(data) // 4)
    path.write_bytes(data[: len(data) // 2] + noise + data[len(data) // 2 + len(noise) :])
    assert np.abs(read(track, 0, 5 * RATE)).max() <= 4.0


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    path = sounding_clip(tmp_path / "a.mp4", tone(0.4))
    track = track_of(path)
    path.unlink()
    with pytest.raises(InputError, match=r"the sound of .*a\.mp4 cannot be read"):
        SoundReader(track)
