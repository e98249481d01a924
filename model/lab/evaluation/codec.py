"""The same clip in a conventional codec, with the same number of bytes."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from nerv360.errors import InputError
from nerv360.files import partial_path
from nerv360.lab.encoding import FORMAT, encode
from nerv360.video import SCALING, Clip, encodable

CODECS = ("x265", "av1")
TOLERANCE = 0.02
MAX_ENCODINGS = 10


@dataclass(frozen=True)
class Encoding:
    """An encoded clip: a readable note on its settings, and the file's bytes."""

    note: str
    bytes: int


@dataclass(frozen=True)
class _Encoder:
    library: str
    options: dict[str, str]
    control: str
    start: float
    low: float
    high: float
    halving: float
    """Increase of the control that about halves the bytes."""


_ENCODERS = {
    "x265": _Encoder(
        "libx265",
        {"preset": "medium", "x265-params": "log-level=none"},
        "crf", 28.0, 0.0, 51.0, 6.0,
    ),
    "av1": _Encoder("libsvtav1", {"preset": "6"}, "bit_rate", 0.0, 8.0, 40.0, -1.0),
}  # fmt: skip


def encode_at(
    clip: Clip,
    frames: int,
    codec: str,
    target_bytes: int,
    output: Path,
    advance: Callable[[str], None],
) -> Encoding:
    """Encode the first ``frames`` pictures in about ``target_bytes``, including the container.

    The control, CRF for x265 and the bit rate for AV1, is searched until the file is within
    `TOLERANCE`. If that fails, the nearest file that is not larger is kept.

    Args:
        codec: one of `CODECS`.
        output: .mp4 file to write.
        advance: called with a sentence before each trial.

    Raises:
        InputError: the codec is unknown or not available, or the clip has an odd side.
    """
    encoder = _encoder(codec)
    _check_even(clip, codec)
    seconds = frames / clip.info.fps
    # The bit rate is searched as its base-2 logarithm, so that both controls behave alike.
    control = encoder.start or math.log2(target_bytes * 8 / seconds)
    trials: dict[float, int] = {}
    trial = partial_path(output)
    best: tuple[float, float] | None = None
    try:
        for _ in range(MAX_ENCODINGS):
            control = round(min(max(control, encoder.low), encoder.high), 3)
            if control in trials:
                break
            advance(f"{codec}: encoding {len(trials) + 1}, for {target_bytes:,} bytes")
            _encode(clip, frames, encoder, control, trial)
            trials[control] = trial.stat().st_size
            miss = math.log2(trials[control] / target_bytes)
            # A file that is too large is kept only if there is no other.
            cost = abs(miss) if miss <= math.log2(1 + TOLERANCE) else 100 + miss
            if best is None or cost < best[0]:
                best = cost, control
                os.replace(trial, output)
            if abs(miss) <= math.log2(1 + TOLERANCE):
                break
            control = _next(trials, target_bytes, encoder.halving)
    finally:
        trial.unlink(missing_ok=True)
    assert best is not None
    kept = best[1]
    shown = f"crf {kept:g}" if encoder.control == "crf" else f"{2**kept / 1e6:.3g} Mbit/s"
    note = _note(encoder, shown)
    if kept in (encoder.low, encoder.high):
        less = "less" if trials[kept] < target_bytes else "more"
        note += (
            f"; the search ended at its bound, {less} than the {target_bytes:,} bytes that were "
            f"asked for"
        )
    return Encoding(note, trials[kept])


def encode_with_crf(clip: Clip, frames: int, codec: str, crf: float, output: Path) -> Encoding:
    """Encode the first ``frames`` pictures at a constant quality.

    Args:
        codec: one of `CODECS`.
        crf: 0 to 51 for x265, 0 to 63 for AV1; the larger, the fewer bytes.
        output: .mp4 file to write.

    Raises:
        InputError: the codec is unknown or not available, or the clip has an odd side.
    """
    encoder = replace(_encoder(codec), control="crf")
    _check_even(clip, codec)
    trial = partial_path(output)
    try:
        _encode(clip, frames, encoder, crf, trial)
        os.replace(trial, output)
    finally:
        trial.unlink(missing_ok=True)
    return Encoding(_note(encoder, f"crf {crf:g}"), output.stat().st_size)


def _encoder(codec: str) -> _Encoder:
    if codec not in _ENCODERS:
        raise InputError(f"the codec must be one of {', '.join(CODECS)}, not {codec!r}")
    return _ENCODERS[codec]


def _check_even(clip: Clip, codec: str) -> None:
    if clip.info.width % 2 or clip.info.height % 2:
        raise InputError(f"{clip.path} needs even sides to be encoded with {codec}")


def _note(encoder: _Encoder, control: str) -> str:
    return f"{encoder.library}, preset {encoder.options['preset']}, {control}, 4:2:0 8 bits"


def _next(trials: dict[float, int], target: int, halving: float) -> float:
    """Return the control at which the line through the two nearest trials meets the target."""
    misses = sorted((abs(math.log2(size / target)), control) for control, size in trials.items())
    nearest = misses[0][1]
    miss = math.log2(trials[nearest] / target)
    slope = -1 / halving
    if len(misses) > 1:
        other = misses[1][1]
        rise = math.log2(trials[nearest] / trials[other]) / (nearest - other)
        if rise * slope > 0:
            slope = rise
    return nearest - miss / slope


def _encode(clip: Clip, frames: int, encoder: _Encoder, control: float, output: Path) -> None:
    rate = Fraction(clip.info.fps).limit_denominator(1001)
    options, settings = dict(encoder.options), dict[str, int]()
    if encoder.control == "crf":
        options["crf"] = f"{control:g}"
    else:
        settings["bit_rate"] = int(2**control)
    pictures = itertools.islice(_planes(clip), frames)
    try:
        encode(pictures, output, encoder.library, options, rate, **settings)
    except av.codec.codec.UnknownCodecError as error:
        raise InputError(f"this PyAV has no {encoder.library}: choose another codec") from error
    except (av.FFmpegError, OSError, TypeError) as error:
        reason = f"cannot be encoded with {encoder.library}: {error}"
        raise InputError(f"{clip.path} {reason}") from error


def _planes(clip: Clip) -> Iterator[av.VideoFrame]:
    """Yield the pictures for the encoder: an 8-bit 4:2:0 video's own planes without RGB in between.

    RGB would lose more than the codec does at its best. Colour space and range stay, tagged or not,
    so that the encoded clip is read like the source.
    """
    if (stored := clip.decoded()) is not None:
        for frame in stored:
            range_ = frame.color_range or None
            own = frame.reformat(
                format=FORMAT,
                interpolation=SCALING,
                src_color_range=range_,
                dst_color_range=range_,
            )
            # A new frame, because the decoder's picture type would bind the encoder.
            plain = av.VideoFrame.from_ndarray(own.to_ndarray(), format=FORMAT)
            plain.colorspace, plain.color_range = frame.colorspace, frame.color_range
            plain.color_primaries, plain.color_trc = frame.color_primaries, frame.color_trc
            yield plain
        return
    for picture in clip:
        yield encodable(picture.numpy())
