"""Random decoders of many configurations, and the pictures that engines are held against."""

from __future__ import annotations

import torch
from torch import Tensor

from nerv360.decoding import picture_size
from nerv360.decoding.compiled.crops import CropGraphs
from nerv360.decoding.compiled.frames import Frames
from nerv360.decoding.compiled.gpu import CudaGpu
from nerv360.decoding.compiled.program import DecoderPrograms
from nerv360.decoding.eager import EagerEngine
from nerv360.decoding.looks import look_tensor
from nerv360.geometry import Look
from nerv360.scene import Decoder
from tests.support.fake_gpu import FakeGpu
from tests.support.scenes import CONFIGS, TINY

LARGER = TINY.replace(frame_height=96, frame_width=192, viewport_height=72, viewport_width=96)
LATE = TINY.replace(
    frame_height=192,
    frame_width=384,
    encoder_strides=(4,),
    strides=(2, 2, 2),
    kernels=(1, 3, 3),
    blocks=(1, 0, 1),
    level_channels=(2, 1),
)
CASES = {
    **CONFIGS,
    "larger": LARGER,
    "expanded after projection": LARGER.replace(expand_before_projection=False),
    "periodic": TINY.replace(look_encoding="periodic", look_levels=3),
    "unconditioned": TINY.replace(condition_on_look=False),
    "zeros": LARGER.replace(erp_padding="zeros", embedding_channels=3),
    "uneven blocks": TINY.replace(blocks=(2, 0, 1, 0), channels=13, min_width=5),
    "frames with zeros": CONFIGS["hnerv-boost"].replace(erp_padding="zeros"),
    "one stage on the sphere": LATE.replace(project_after=1),
    "all stages on the sphere": LATE.replace(project_after=3),
}
CPU = torch.device("cpu")
LOOKS = [Look(3.1, 0.4), Look(-3.1, -1.5, 0.7), Look(1.0, 0.0, 0.0, 2.5)]


def psnr(a: Tensor, b: Tensor) -> float:
    """PSNR of RGBA bytes, alpha not counted, or of alpha alone, …×1; decibels."""
    error = (a.double() - b.double())[..., :3].square().mean()
    return float(10 * torch.log10(255**2 / error.clamp(min=1e-9)))


def reference(decoder: Decoder, look: Look, frame: int) -> tuple[Look, Tensor]:
    """Return the look that the eager engine decodes, and its float32 picture."""
    engine = EagerEngine(decoder, torch.device("cpu"), picture_size(decoder.config, None))
    picture = engine.decode(look, frame)
    return picture.look, picture.pixels


def picture_inputs(
    programs: DecoderPrograms,
    decoder: Decoder,
    look: Look,
    frame: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device = CPU,
) -> tuple[Tensor, ...]:
    """Return the inputs of `DecoderPrograms.picture`; see `run_programs`."""
    gpu = CudaGpu(device) if device.type == "cuda" else FakeGpu()
    frames = Frames(decoder, gpu, dtype)
    frames.select(frame)
    if programs.prepare is None:
        return gpu.first(lambda: frames.inputs)
    prepare = programs.prepare
    prepared: tuple[Tensor, ...] = gpu.first(lambda: prepare(*frames.inputs))
    if not programs.crops:
        return (*prepared, look_tensor(look, device))
    crops = CropGraphs(gpu, programs.crops, decoder.config, frames.inputs, dtype)
    crops.select(frame, look)
    return (crops.features, *prepared, crops.crop, look_tensor(look, device))


def run_programs(
    programs: DecoderPrograms,
    decoder: Decoder,
    look: Look,
    frame: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device = CPU,
) -> Tensor:
    """Return the picture, height×width×4 uint8 on the CPU, as the compiled engine's graphs do.

    Args:
        decoder, dtype, device: the programs were built for.
    """
    with torch.no_grad():
        result = programs.picture(*picture_inputs(programs, decoder, look, frame, dtype, device))
        pixels: Tensor = result if programs.runner is None else programs.runner(*result)
        return pixels.cpu().clone()
