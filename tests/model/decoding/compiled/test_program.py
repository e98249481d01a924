"""The programs that graphs compute give the pictures of the networks, on any device."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nerv360.config import ModelConfig
from nerv360.decoding import picture_size
from nerv360.decoding.compiled.aligned import aligned
from nerv360.decoding.compiled.band import band_count, plan_bands
from nerv360.decoding.compiled.program import build_programs
from nerv360.decoding.compiled.runner import BandRunner, OverStill
from nerv360.decoding.compiled.seen import sample_bilinear
from nerv360.networks import architecture_of, build_decoder, presets
from tests.support.decoders import CASES, LARGER, LOOKS, psnr, reference, run_programs
from tests.support.scenes import CONFIGS, TINY, decoder_over_still, lively_decoder

CPU = torch.device("cpu")


@pytest.mark.parametrize("case", CASES)
def test_float32_pictures_are_the_reference(case: str) -> None:
    decoder = lively_decoder(CASES[case])
    programs = build_programs(decoder, CPU, picture_size(decoder.config, None), torch.float32)
    for look in LOOKS[: 1 if architecture_of(decoder.config).full_frame else 3]:
        actual, expected = reference(decoder, look, 1)
        pixels = run_programs(programs, decoder, actual, 1)
        assert (pixels.int() - expected.int()).abs().max() <= 1
        assert pixels.is_contiguous()
        assert (pixels[..., 3] == 255).all()


STILL = {
    **CONFIGS,
    "expanded after projection": CASES["expanded after projection"],
    "one stage on the sphere": CASES["one stage on the sphere"],
    "cells of three": LARGER.replace(comparison_cell=3),
    "cells larger than a stride": CONFIGS["hnerv"].replace(comparison_cell=8),
    "one stage before the last": TINY.replace(
        strides=(2, 2), kernels=(3, 3), blocks=(1, 0), encoder_strides=(4,)
    ),
}


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("case", STILL)
def test_float32_pictures_over_a_still_are_the_reference(case: str, bands: int) -> None:
    decoder = decoder_over_still(STILL[case])
    size = picture_size(decoder.config, None)
    programs = build_programs(decoder, CPU, size, torch.float32, bands=bands)
    assert isinstance(programs.runner, OverStill) == (bands > 1)
    alphas = set()
    for look in LOOKS[: 1 if architecture_of(decoder.config).full_frame else 3]:
        actual, expected = reference(decoder, look, 1)
        pixels = run_programs(programs, decoder, actual, 1)
        assert (pixels.int() - expected.int()).abs().max() <= 1
        assert pixels.is_contiguous()
        alphas |= set(pixels[..., 3].flatten().tolist())
    assert len(alphas) > 40


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", CONFIGS)
def test_half_precision_over_a_still_stays_within_45_db(case: str, dtype: torch.dtype) -> None:
    decoder = decoder_over_still(CONFIGS[case])
    programs = build_programs(decoder, CPU, picture_size(decoder.config, None), dtype)
    actual, expected = reference(decoder, LOOKS[0], 1)
    pixels = run_programs(programs, decoder, actual, 1, dtype)
    assert psnr(pixels, expected) >= 45
    assert psnr(pixels[..., 3:], expected[..., 3:]) >= 45


def test_a_decoder_without_its_still_panorama_is_refused() -> None:
    decoder = replace(decoder_over_still(TINY), still=None)
    with pytest.raises(ValueError, match="was given none"):
        build_programs(decoder, CPU, picture_size(TINY, None), torch.float32)


BANDED = {
    **{name: case for name, case in CASES.items() if case.project_after < len(case.strides)},
    "hnerv, wide kernel": CONFIGS["hnerv"].replace(kernels=(1, 3, 3, 5)),
    "three blocks": LARGER.replace(blocks=(1, 0, 1, 3)),
}


@pytest.mark.parametrize("case", BANDED)
def test_bands_change_nothing(case: str) -> None:
    decoder = lively_decoder(BANDED[case])
    size = picture_size(decoder.config, None)
    whole = build_programs(decoder, CPU, size, torch.float32, bands=1)
    expected = run_programs(whole, decoder, LOOKS[0], 1)
    for bands in (2, 3, 5):
        programs = build_programs(decoder, CPU, size, torch.float32, bands=bands)
        assert isinstance(programs.runner, BandRunner)
        programs.runner.picture.fill_(77)
        pixels = run_programs(programs, decoder, LOOKS[0], 1)
        assert (pixels.int() - expected.int()).abs().max() <= 1
        assert (pixels == expected).float().mean() > 0.99


@given(
    st.integers(1, 60),
    st.integers(1, 4),
    st.integers(0, 9),
    st.integers(1, 8),
    st.sampled_from([1, 2, 3, 4, 6, 8]),
)
def test_bands_cover_every_row_once_with_what_lies_beyond(
    height: int, stride: int, beyond: int, count: int, cell: int
) -> None:
    height *= cell
    bands = plan_bands(height, stride, beyond, count, cell)
    for band in bands:
        assert [row % cell for span in (band.kept, band.place) for row in span] == [0] * 4
        assert (band.input[1] - band.input[0]) * stride % cell == 0
    rows = [y for band in bands for y in range(*band.place)]
    assert rows == list(range(stride * height))
    assert len(bands) <= count
    assert len({band.input[1] - band.input[0] for band in bands}) == 1
    for band in bands:
        assert 0 <= band.input[0] < band.input[1] <= height
        assert band.kept[0] + stride * band.input[0] == band.place[0]
        assert band.kept[1] + stride * band.input[0] == band.place[1]
        above, below = band.kept[0] // stride, band.input[1] - band.place[1] // stride
        assert above >= beyond or band.input[0] == 0
        assert below >= beyond or band.input[1] == height


def test_large_maps_alone_are_decoded_in_bands() -> None:
    def count(config: ModelConfig) -> int:
        last = build_decoder(config).layout().stages[-1]
        return band_count(last, picture_size(config, None), torch.float16)

    with torch.device("meta"):
        counts = {name: count(config) for name, config in presets().items()}
    assert counts["demo"] == 1
    assert (counts["paper"], counts["paper-hnerv"], counts["paper-hnerv-boost"]) == (2, 4, 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", [*CONFIGS, "larger"])
def test_half_precision_stays_within_45_db(case: str, dtype: torch.dtype) -> None:
    decoder = lively_decoder(CASES[case])
    programs = build_programs(decoder, CPU, picture_size(decoder.config, None), dtype)
    actual, expected = reference(decoder, LOOKS[0], 1)
    assert psnr(run_programs(programs, decoder, actual, 1, dtype), expected) >= 45


def test_every_convolution_after_the_first_has_channels_in_eights() -> None:
    decoder = lively_decoder(TINY.replace(channels=13, min_width=5))
    programs = build_programs(decoder, CPU, picture_size(TINY, None), torch.float16)
    shapes = [
        tuple(buffer.shape[:2])
        for name, buffer in programs.picture.named_buffers()
        if name.endswith("conv.weight") or "conv1.weight" in name or "conv2.weight" in name
    ]
    assert len(shapes) == 13
    assert all(size % 8 == 0 for shape in shapes for size in shape)
    assert [aligned(channels) for channels in (1, 8, 65, 112)] == [8, 8, 72, 112]


def test_bilinear_samples_are_those_of_torch() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 5, 6, 9).contiguous(memory_format=torch.channels_last)
    grid = torch.rand(1, 40, 50, 2, dtype=torch.float64) * 2.2 - 1.1
    expected = F.grid_sample(
        features, grid.float(), mode="bilinear", padding_mode="border", align_corners=False
    )
    torch.testing.assert_close(sample_bilinear(features, grid[0]), expected, rtol=1e-4, atol=1e-5)
