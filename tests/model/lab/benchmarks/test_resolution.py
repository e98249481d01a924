"""The paper's tables at a fraction of the size."""

from __future__ import annotations

from fractions import Fraction

import pytest

from nerv360.errors import InputError
from nerv360.lab.benchmarks.resolution import comparison, parse_scale, scaled
from nerv360.training.settings import training_preset


@pytest.mark.parametrize(
    ("text", "scale"), [("1", 1), ("1/8", 0.125), ("0.25", 0.25), ("3/16", 0.1875)]
)
def test_a_scale_is_a_fraction_or_a_number(text: str, scale: float) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["1/7", "0", "2", "-1/8", "1/32", "0.3"])
def test_sizes_that_the_strides_do_not_divide_are_refused_with_those_that_they_do(
    text: str,
) -> None:
    with pytest.raises(InputError, match=f"a multiple of 1/16 and at most 1, .*, not {text}"):
        parse_scale(text)


@pytest.mark.parametrize("text", ["small", "1/0", "nan", ""])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="a fraction such as 1/8"):
        parse_scale(text)


@pytest.mark.parametrize("preset", ["paper", "demo"])
def test_every_sixteenth_of_every_preset_is_a_valid_configuration(preset: str) -> None:
    for sixteenths in range(1, 17):
        scale = Fraction(sixteenths, 16)
        whole = training_preset(preset, "nerv360")[0]
        configs = comparison(preset, scale)
        small = configs["nerv360"]
        assert len({(c.frame_height, c.frame_width) for c in configs.values()}) == 1
        assert small.frame_width == whole.frame_width * scale
        wanted = whole.viewport_width * whole.viewport_height * scale**2
        for config in configs.values():
            pixels = config.viewport_height * config.viewport_width
            assert pixels == pytest.approx(float(wanted), rel=0.01 if sixteenths > 1 else 0.013)
        assert small.viewport_height <= small.viewport_width
        simple = scaled(whole, scale)
        assert simple.viewport_width == whole.viewport_width * scale
        assert abs(simple.viewport_height - whole.viewport_height * scale) <= whole.scale / 2
        assert {c.widths for c in configs.values()} == {
            training_preset(preset, n)[0].widths for n in configs
        }


def test_an_eighth_of_the_paper() -> None:
    config = scaled(training_preset("paper", "nerv360")[0], Fraction(1, 8))
    assert (config.frame_height, config.frame_width) == (384, 768)
    assert (config.viewport_height, config.viewport_width) == (144, 240)
    assert config.embedding_size == (16, 32)
