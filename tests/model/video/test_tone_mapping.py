"""HDR pictures become SDR ones as the standards' formulas say, in any order."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from nerv360.errors import InputError
from nerv360.video import open_clip
from nerv360.video.tone_mapping import (
    REFERENCE_WHITE,
    ToneMapper,
    check_transfer,
    colour_notes,
    hdr_transfer,
    tone_mapped,
)

FIELD = Path(__file__).parents[4] / "shared" / "data" / "field"
TRC = {"PQ": 16, "HLG": 18}


def pq_signal(light: float) -> float:
    """SMPTE ST 2084's inverse EOTF, by its own fractions."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = (light / 10000) ** m1
    return float(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def hlg_signal(light: float) -> float:
    """BT.2100's HLG signal of grey of this light on a display of 1,000 cd/m²."""
    scene = (light / 1000) ** (1 / 1.2)
    if scene <= 1 / 12:
        return math.sqrt(3 * scene)
    return 0.17883277 * math.log(12 * scene - 0.28466892) + 0.55991073


SIGNAL = {"PQ": pq_signal, "HLG": hlg_signal}


def frame(
    transfer: str, signal: tuple[float, float, float], full_range: bool = False
) -> av.VideoFrame:
    """Return a picture of one colour, as 10-bit YCbCr of BT.2020, by BT.2100's formula."""
    red, green, blue = signal
    luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
    blueness, redness = (blue - luma) / 1.8814, (red - luma) / 1.4746
    codes = (
        (luma * 1023, blueness * 1023 + 512, redness * 1023 + 512)
        if full_range
        else (luma * 876 + 64, blueness * 896 + 512, redness * 896 + 512)
    )
    picture = av.VideoFrame(64, 32, "yuv420p10le")
    for plane, code in zip(picture.planes, codes, strict=True):
        np.frombuffer(memoryview(plane), np.uint16)[:] = round(code)
    picture.colorspace, picture.color_primaries = 9, 9
    picture.color_trc, picture.color_range = TRC[transfer], 2 if full_range else 1
    return picture


@functools.cache
def mapper(transfer: str) -> ToneMapper:
    return ToneMapper(transfer)


def grey(transfer: str, light: float) -> list[int]:
    """Return the shown grey of so many cd/m²."""
    pixels = mapper(transfer).to_rgb(frame(transfer, (SIGNAL[transfer](light),) * 3))
    assert (pixels == pixels[0, 0]).all()
    return pixels[0, 0].tolist()


def expected_grey(light: float) -> float:
    """BT.2390's curve in PQ, written anew, and the curve of sRGB."""
    top, most = pq_signal(1000), pq_signal(REFERENCE_WHITE) / pq_signal(1000)
    value, knee = pq_signal(min(light, 1000)) / top, 1.5 * most - 0.5
    if value > knee:
        t = (value - knee) / (1 - knee)
        hermite = ((1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2, t * t * (3 - 2 * t))
        value = hermite[0] * knee + hermite[1] * (1 - knee) + hermite[2] * most
    low, high = 0.0, 1000.0
    for _ in range(60):  # the light of that signal
        middle = (low + high) / 2
        low, high = (middle, high) if pq_signal(middle) < value * top else (low, middle)
    linear = low / REFERENCE_WHITE
    return 255 * (12.92 * linear if linear < 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("transfer", ["PQ", "HLG"])
@pytest.mark.parametrize("light", [0.5, 5, 30, 100, 203, 500, 1000])
def test_grey_is_as_the_standards_say(transfer: str, light: float) -> None:
    red, green, blue = grey(transfer, light)
    assert red == green == blue
    # A step of ten bits is this much, and a table adds one.
    assert abs(red - expected_grey(light)) <= 3


def test_reference_white_is_near_white_in_both() -> None:
    assert math.isclose(pq_signal(203), 0.58, abs_tol=0.002)
    assert math.isclose(hlg_signal(203), 0.75, abs_tol=0.002)
    for transfer in ("PQ", "HLG"):
        assert 224 <= grey(transfer, 203)[0] <= 234
    assert grey("PQ", 10000)[0] == 255


@pytest.mark.parametrize("transfer", ["PQ", "HLG"])
def test_brighter_is_never_darker(transfer: str) -> None:
    signal = np.repeat(np.linspace(0, 1, 500)[:, None], 3, 1)
    assert (np.diff(tone_mapped(signal, transfer)[:, 0]) >= -1e-9).all()
    levels = [
        int(mapper(transfer).to_rgb(frame(transfer, (s / 50,) * 3))[0, 0, 0]) for s in range(51)
    ]
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0, 255)


@pytest.mark.parametrize("full_range", [False, True])
def test_both_ranges_are_the_same_light(full_range: bool) -> None:
    pixels = mapper("PQ").to_rgb(frame("PQ", (pq_signal(100),) * 3, full_range))
    assert abs(int(pixels[0, 0, 0]) - expected_grey(100)) <= 3


@pytest.mark.parametrize("colour", [(1, 0.1, 0.1), (0.1, 1, 0.1), (0.3, 0.1, 0.8), (1, 1, 0.2)])
def test_colours_of_bt_709_come_back(colour: tuple[float, float, float]) -> None:
    to_bt2020 = np.array(  # BT.2087
        [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
    )
    light = 60 * np.array(colour)  # below the knee, where nothing is bent
    wide = to_bt2020 @ light
    red, green, blue = map(pq_signal, wide)
    pixels = mapper("PQ").to_rgb(frame("PQ", (red, green, blue)))
    linear = light / REFERENCE_WHITE
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(pixels[0, 0].numpy() - expected).max() <= 6


def test_order_does_not_matter() -> None:
    pictures = [frame("HLG", (s, 0.9 - s, 0.4)) for s in (0.1, 0.4, 0.8)]
    forth, back = ToneMapper("HLG"), ToneMapper("HLG")
    one = [forth.to_rgb(picture) for picture in pictures]
    other = [back.to_rgb(picture) for picture in pictures[::-1]][::-1]
    assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_another_size_is_mapped_too() -> None:
    small = frame("PQ", (0.5, 0.4, 0.3))
    large = small.reformat(width=130, height=66)
    assert mapper("PQ").to_rgb(small).shape == (32, 64, 3)
    assert mapper("PQ").to_rgb(large).shape == (66, 130, 3)
    assert (
        mapper("PQ").to_rgb(large)[0, 0].int() - mapper("PQ").to_rgb(small)[0, 0].int()
    ).abs().max() <= 1


def test_what_is_hdr_is_told_by_its_tag() -> None:
    assert hdr_transfer(frame("PQ", (0, 0, 0))) == "PQ"
    assert hdr_transfer(frame("HLG", (0, 0, 0))) == "HLG"
    assert hdr_transfer(av.VideoFrame(16, 16, "yuv420p")) is None


@pytest.mark.parametrize(
    ("primaries", "transfer", "notes"),
    [
        (9, 1, ["its colours are those of BT.2020, and are taken to be BT.709's"]),
        (12, 13, ["its colours are those of Display P3, and are taken to be BT.709's"]),
        (9, 16, []),
        (1, 1, []),
        (2, 2, []),
    ],
)
def test_wide_colours_without_hdr_are_said(primaries: int, transfer: int, notes: list[str]) -> None:
    picture = frame("PQ", (0.5, 0.5, 0.5))
    picture.color_primaries, picture.color_trc = primaries, transfer
    assert colour_notes(picture) == notes


@pytest.mark.parametrize(
    ("layout", "transfer", "kind"),
    [
        ("yuv420p10le", 8, "light itself"),
        ("yuv420p10le", 9, "the logarithm of light"),
        ("gbrpf32le", 2, "light itself, in floating point"),
        ("gbrapf32le", 13, "light itself, in floating point"),
    ],
)
def test_light_itself_is_refused(layout: str, transfer: int, kind: str) -> None:
    picture = av.VideoFrame(16, 16, layout)
    picture.color_trc = transfer
    with pytest.raises(
        InputError, match=rf"^light\.exr stores {kind}, and not how bright it is on"
    ):
        check_transfer(picture, Path("light.exr"))
    check_transfer(frame("HLG", (0.1, 0.1, 0.1)), Path("clip.mp4"))


@pytest.mark.parametrize("name", ["light.pfm", "light.png"])
def test_a_picture_of_light_does_not_open(name: str, tmp_path: Path) -> None:
    rows = np.full((4, 8, 3), 0.5, "<f4").tobytes()
    (tmp_path / name).write_bytes(b"PF\n8 4\n-1.0\n" + rows)
    with pytest.raises(InputError, match="stores light itself, in floating point"):
        open_clip(tmp_path / name)


@pytest.mark.skipif(not FIELD.is_dir(), reason="../shared/data is not there")
@pytest.mark.parametrize("transfer", ["PQ", "HLG"])
def test_handed_files_are_told_and_mapped(transfer: str) -> None:
    with av.open(str(FIELD / f"hdr_{transfer.lower()}.mp4")) as container:
        picture = next(container.decode(video=0))
    assert hdr_transfer(picture) == transfer
    plain = torch.from_numpy(picture.to_ndarray(format="rgb24")).float()
    mapped = mapper(transfer).to_rgb(picture).float()
    assert mapped.shape == (128, 256, 3)
    # They were dull: colours are fuller now.
    assert (mapped.amax(-1) - mapped.amin(-1)).mean() > (plain.amax(-1) - plain.amin(-1)).mean()
