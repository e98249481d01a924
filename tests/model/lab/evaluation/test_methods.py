"""A decoder is judged by what is shown: over its still panorama, where it has one."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch

from nerv360.decoding import open_engine
from nerv360.geometry import Look, sample_erp, viewport_directions
from nerv360.lab.evaluation.methods import DecoderMethod
from nerv360.metrics.similarity import unit
from tests.support.scenes import CONFIGS, over_still_scene

SIZE = (24, 48)
LOOK = Look.from_degrees(5.0, 0.0)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_decoder_is_seen_over_its_still_panorama(name: str) -> None:
    scene = over_still_scene(name)
    still = scene.still
    assert still is not None
    engine = open_engine(scene, name, "cpu", kind="eager")
    method = DecoderMethod(name, 0, engine, SIZE, (48, 96))
    directions = viewport_directions(LOOK, *SIZE)
    pixels = unit(engine.decode(LOOK, 0).pixels).permute(2, 0, 1)
    if engine.full_frame:
        pixels = sample_erp(pixels[None], directions)[0]
    there = sample_erp(unit(still.pixels).permute(2, 0, 1)[None], directions)[0]
    alpha = pixels[3:]
    assert float(alpha.min()) < 0.5
    wanted = alpha * pixels[:3] + (1 - alpha) * there
    shown = unit(method.view(LOOK, 0)).permute(2, 0, 1)
    torch.testing.assert_close(shown, wanted, rtol=0, atol=1.5 / 255)
    assert "over the still panorama" in method.note


def test_whole_frames_are_decoded_once_for_all_looks() -> None:
    engine = open_engine(over_still_scene("hnerv"), "hnerv", "cpu", kind="eager")
    with patch.object(engine, "decode", wraps=engine.decode) as decode:
        method = DecoderMethod("hnerv", 0, engine, SIZE, (48, 96))
        first = method.view(LOOK, 0)
        method.view(LOOK, 2)
        assert torch.equal(method.view(LOOK, 0), first)
        assert not torch.equal(method.view(Look.from_degrees(40.0, 0.0), 0), first)
    assert [call.args[1] for call in decode.call_args_list] == [0, 2]
