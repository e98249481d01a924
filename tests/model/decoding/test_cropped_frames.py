"""Full-frame decoders that decode what a look sees: the same pictures as cut from whole frames."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nerv360.config import ModelConfig
from nerv360.decoding import ENGINES, open_engine
from nerv360.errors import InputError
from nerv360.geometry import Look, directions_to_angles, sample_erp, viewport_directions
from nerv360.networks import count_flops, in_crops
from nerv360.scene import Decoder, Scene
from tests.support.scenes import CONFIGS, decoder_over_still, lively_decoder, tiny_scene

SEAM = 2 * math.pi * 4 / 768
WAY = [(Look(), 0), (Look(0.01), 0), (Look(3.1, 0.1), 0), (Look(-2.9, 0.1), 1), (Look(-3.13), 1)]
WAY += [(Look(1.0, 1.3), 1), (Look(-2.0, -1.5), 1), (Look(0.3, 0.2), 2), (Look(2.0, 0.7), 2)]


def config_of(name: str, padding: str) -> ModelConfig:
    size = {"frame_height": 384, "frame_width": 768, "encoder_strides": (4, 3)}
    return CONFIGS[name].replace(**size, strides=(3, 2, 2), kernels=(1, 3, 3), blocks=(1, 1, 1),
                                 erp_padding=padding)  # fmt: skip


def scene_of(decoder: Decoder) -> Scene:
    scene = tiny_scene()
    scene.decoders = {"rival": decoder}
    return scene


@pytest.mark.parametrize("kind", ["eager", "folded"])
@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "wrap"])
@pytest.mark.parametrize("name", ["hnerv", "hnerv-boost"])
def test_a_crop_has_the_pixels_of_the_whole_frame(
    name: str, padding: str, still: bool, kind: str
) -> None:
    config = config_of(name, padding)
    finer = config.replace(level_channels=(0, 2))
    scene = scene_of(decoder_over_still(config) if still else lively_decoder(finer))
    if still:
        scene.decoders["rival"].weights["coverage.threshold"].fill_(6.0)
    alphas = []
    whole = open_engine(scene, "rival", "cpu", kind=kind)
    crops = open_engine(scene, "rival", "cpu", (48, 84), kind, crops=True)
    assert (whole.full_frame, crops.full_frame) == (True, False)
    assert crops.size == (48, 84)
    for look, frame in WAY:
        picture = crops.decode(look, frame)
        assert not picture.equirectangular
        frame_pixels = whole.decode(look, frame).pixels.permute(2, 0, 1)[None].float()
        directions = viewport_directions(picture.look, 48, 84)
        seen = sample_erp(frame_pixels, directions)[0].permute(1, 2, 0)
        difference = (seen - picture.pixels.float()).abs()
        difference[..., :3] *= picture.pixels[..., 3:] / 255
        # The alpha of whole frames is not interpolated across their border.
        longitude, _ = directions_to_angles(directions)
        difference[..., 3] *= (longitude.abs() < math.pi - SEAM).reshape(48, 84)
        assert difference.max() < 1.2
        alphas.append(picture.pixels[..., 3].float())
    assert (torch.stack(alphas).std() > 20) == still


@pytest.mark.parametrize("kind", ["eager", "folded"])
def test_a_look_within_the_last_crop_runs_no_convolution(kind: str) -> None:
    scene = scene_of(lively_decoder(config_of("hnerv-boost", "zeros")))
    engine = open_engine(scene, "rival", "cpu", (48, 84), kind, crops=True)
    engine.decode(Look(0.5), 0)
    engine.decode(Look(0.501), 0)
    with FlopCounterMode(display=False) as kept:
        engine.decode(Look(0.502), 0)
    with FlopCounterMode(display=False) as decoded:
        engine.decode(Look(0.502), 1)
    assert kept.get_total_flops() < decoded.get_total_flops() / 20


def test_a_crop_costs_a_part_of_the_frame() -> None:
    config = ModelConfig(architecture="hnerv-boost", channels=143, erp_padding="zeros")
    part, whole = count_flops(in_crops(config)), count_flops(config)
    # 72 by 48 embedding pixels of 256 by 128.
    assert 0.09 < part / whole < 0.11
    viewport = ModelConfig()
    assert in_crops(viewport) == viewport


def test_engines_that_cannot_say_so() -> None:
    scene = scene_of(lively_decoder(config_of("hnerv", "zeros")))
    config = in_crops(scene.decoders["rival"].config)
    for name in ("compiled", "fused", "gl"):
        reason = ENGINES[name].refusal(config, torch.device("cuda"))
        assert reason is not None
        assert "hnerv" in reason
    with pytest.raises(InputError, match="the gl engine cannot decode the crop that a look sees"):
        open_engine(scene, "rival", "cpu", kind="gl", crops=True)
    assert open_engine(scene, "rival", "cpu", crops=True).name.startswith("folded")
