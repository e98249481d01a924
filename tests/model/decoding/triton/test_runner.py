"""The fused kernels and engine, in Triton's interpreter where there is no GPU."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

pytest.importorskip("triton", reason="Triton is not installed")

from triton.errors import TritonError

from nerv360.config import ModelConfig
from nerv360.decoding import picture_size
from nerv360.decoding.compiled.cache import CacheFile
from nerv360.decoding.compiled.engine import CompiledEngine
from nerv360.decoding.compiled.gpu import CudaGpu, Gpu
from nerv360.decoding.compiled.program import build_programs
from nerv360.decoding.eager import EagerEngine
from nerv360.decoding.folded.stage import affine_conv
from nerv360.decoding.triton import convolution as fused_conv
from nerv360.decoding.triton import runner as runner_module
from nerv360.decoding.triton.convolution import (
    ADD,
    GELU,
    SINE,
    AffineFolds,
    BandMap,
    FusedConv,
    Tile,
    chunks,
)
from nerv360.decoding.triton.finer import FusedFiner
from nerv360.decoding.triton.runner import FusedRunner, kept_tiles
from nerv360.geometry import Look
from nerv360.networks import SphereConv, build_decoder, presets
from nerv360.scene import Decoder
from tests.support.counting import count
from tests.support.decoders import (
    CASES,
    LATE,
    LOOKS,
    picture_inputs,
    psnr,
    reference,
    run_programs,
)
from tests.support.fake_gpu import FakeEvent, FakeGpu
from tests.support.lifetimes import track_programs
from tests.support.scenes import TINY, decoder_over_still, lively_decoder

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SMALL = Tile(4, 64, 32, 4, 2)
ALL_TILES = fused_conv.TILES


@pytest.fixture(autouse=True)
def one_tile() -> Iterator[None]:
    """Set a small tile, and nothing to measure: interpreted kernels take seconds."""
    with (
        patch.object(fused_conv, "TILES", (SMALL,)),
        patch.object(fused_conv, "LAUNCHES", 1),
        patch.object(fused_conv, "REPEATS", 1),
    ):
        yield


def rows_of(x: Tensor, channels: int) -> Tensor:
    """1×c×h×w as h×w×channels in float16."""
    x = F.pad(x[0].permute(1, 2, 0), (0, channels - x.shape[1]))
    return x.to(DEVICE, torch.float16).contiguous()


def convolution(inputs: int, outputs: int, kernel: int) -> SphereConv:
    """With random weights that float16 holds exactly, and so large that sines turn over."""
    torch.manual_seed(inputs + outputs)
    conv = SphereConv(inputs, outputs, kernel, wrap=False, gain=3.0)
    conv.weight.data = conv.weight.data.half().float()
    return conv.requires_grad_(False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "kernel"),
    [(16, 24, 2, 3), (13, 5, 3, 1), (24, 72, 1, 3), (8, 8, 1, 5), (3, 40, 2, 3)],
)
@pytest.mark.parametrize("epilogue", [SINE, GELU])
def test_a_convolution_is_that_of_torch(
    inputs: int, outputs: int, stride: int, kernel: int, epilogue: int
) -> None:
    conv = convolution(inputs, outputs * stride**2, kernel)
    fused = FusedConv(conv.to(DEVICE), torch.float16, epilogue, stride=stride)
    fused.tile = Tile(2, 32, 32, 4, 2)
    height, width = 5, 37
    x = torch.randn(1, inputs, height, width).half().float()
    out = torch.full((height * stride, width * stride, fused.outputs), torch.nan)
    out = out.to(DEVICE, torch.float16)
    fused(BandMap(rows_of(x, fused.inputs), 0, height), BandMap(out, 0, len(out)), (0, height))
    y = conv.cpu()(x)
    expected = F.pixel_shuffle(y.sin() if epilogue == SINE else F.gelu(y), stride)
    assert (out[..., :outputs].cpu().permute(2, 0, 1) - expected[0]).abs().max() < 6e-3
    assert (out[..., outputs:] == 0).all()


def test_a_sum_is_added_where_it_lies_and_other_rows_stay() -> None:
    conv = convolution(16, 16, 3)
    fused = FusedConv(conv.to(DEVICE), torch.float16, ADD)
    x, before = torch.randn(2, 1, 16, 9, 20).half().float()
    # Maps that hold rows 1 to 8 and 2 to 7 of 9; rows 3 to 6 are computed.
    source = rows_of(x, 16)[1:8].contiguous()
    target = rows_of(before, 16)[2:7].contiguous()
    fused(BandMap(source, 1, 9), BandMap(target, 2, 9), (3, 6))
    after = target.cpu().permute(2, 0, 1).float()
    expected = before + conv.cpu()(x)
    assert (after[:, 1:4] - expected[0, :, 3:6]).abs().max() < 1e-2
    assert torch.equal(after[:, [0, 4]], before[0][:, [2, 6]])
    untouched = target.clone()
    fused(BandMap(source, 1, 9), BandMap(target, 2, 9), (4, 4))
    assert torch.equal(target, untouched)


@pytest.mark.slow
def test_affines_are_folded_with_zeros_around_the_shifted_features() -> None:
    convs = [convolution(16, 16, 3), convolution(5, 5, 3), convolution(72, 72, 3)]
    fused = [FusedConv(conv.to(DEVICE), torch.float16, GELU, folds=True) for conv in convs]
    fold = AffineFolds(fused)
    table = torch.randn(6, 1, 80)
    for k, conv in enumerate(convs):
        table[2 * k : 2 * k + 2, :, conv.in_channels :] = 0
    fold(table.to(DEVICE))
    for k, (conv, each) in enumerate(zip(convs, fused, strict=True)):
        x = torch.randn(1, conv.in_channels, 4, 6).half().float()
        out = torch.empty(4, 6, each.outputs, dtype=torch.float16, device=DEVICE)
        each(BandMap(rows_of(x, each.inputs), 0, 4), BandMap(out, 0, 4), (0, 4))
        scale, shift = table[2 * k : 2 * k + 2, 0, : conv.in_channels]
        expected = F.gelu(affine_conv(x, conv.cpu(), scale, shift))[0]
        actual = out[..., : conv.out_channels].cpu().permute(2, 0, 1)
        assert (actual - expected).abs().max() < 4e-3 * expected.abs().max()


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["nerv360", "expanded after projection", "uneven blocks", "unconditioned"]
)
def test_pictures_are_within_half_precision(case: str) -> None:
    config = CASES[case].replace(viewport_height=24, viewport_width=48)
    decoder = lively_decoder(config)
    actual, expected = reference(decoder, LOOKS[0], 1)
    programs = build_programs(
        decoder, DEVICE, picture_size(config, None), torch.float16, make_runner=FusedRunner
    )
    pixels = run_programs(programs, decoder, actual, 1, torch.float16, DEVICE)
    assert psnr(pixels, expected) >= 60
    assert (pixels[..., 3] == 255).all()


@pytest.mark.slow
def test_stages_after_those_on_the_sphere_are_fused() -> None:
    config = LATE.replace(project_after=1)
    decoder = lively_decoder(config)
    size = picture_size(config)
    programs = build_programs(decoder, DEVICE, size, torch.float16, make_runner=FusedRunner)
    for look in LOOKS[:2]:
        actual, expected = reference(decoder, look, 1)
        pixels = run_programs(programs, decoder, actual, 1, torch.float16, DEVICE)
        assert psnr(pixels, expected) >= 60


@pytest.mark.slow
def test_pictures_over_a_still_are_within_half_precision() -> None:
    decoder = decoder_over_still(TINY)
    actual, expected = reference(decoder, LOOKS[0], 1)
    size = picture_size(TINY, None)
    programs = build_programs(decoder, DEVICE, size, torch.float16, make_runner=FusedRunner)
    pixels = run_programs(programs, decoder, actual, 1, torch.float16, DEVICE)
    assert psnr(pixels, expected) >= 60
    assert psnr(pixels[..., 3:], expected[..., 3:]) >= 60
    assert len(set(pixels[..., 3].flatten().tolist())) > 100


@pytest.mark.parametrize("channels", [1, 3])
def test_a_finer_embedding_is_added_by_its_convolution(channels: int) -> None:
    conv = SphereConv(channels, 21, 1, wrap=False).requires_grad_(False)
    level, before = torch.randn(1, channels, 5, 9).half(), torch.randn(1, 21, 5, 9).half()
    features = rows_of(before, 24)
    FusedFiner(conv.to(DEVICE), 24)(rows_of(level, channels), features)
    after = features.cpu().permute(2, 0, 1).float()
    assert (after[:21] - before[0] - conv.cpu()(level.float())[0]).abs().max() < 4e-3
    assert (after[21:] == 0).all()


def runner_of(
    config: ModelConfig,
    bands: int | None,
    device: torch.device,
    tiles: CacheFile | None = None,
    cell: int | None = None,
) -> FusedRunner:
    """Return a runner with random weights for the configuration's viewport."""
    torch.manual_seed(0)
    with device:
        layout = build_decoder(config).requires_grad_(False).layout()
    size = config.viewport_embedding_size
    return FusedRunner(layout.stages, layout.head, size, torch.float16, cell, bands, tiles)


SHORT = TINY.replace(strides=(2,), kernels=(3,), blocks=(2,), viewport_height=16, viewport_width=32)

ONE = SHORT.replace(strides=(1,), blocks=(1,), viewport_height=8, viewport_width=16)


TWO = SHORT.replace(
    strides=(2, 2),
    kernels=(1, 3),
    blocks=(0, 1),
    encoder_strides=(4,),
)


@pytest.mark.slow
@pytest.mark.parametrize("cell", [None, 2, 4])
def test_bands_change_nothing(cell: int | None) -> None:
    pictures, means = [], []
    for bands in (1, 4 if cell == 4 else 5):
        runner = runner_of(SHORT, bands, DEVICE, cell=cell)
        torch.manual_seed(1)
        inputs = runner.stages[0].upsampling.inputs
        features = torch.randn(8, 16, inputs, device=DEVICE).half()
        table = 1 + 0.3 * torch.randn(8, 1, inputs, device=DEVICE)
        pictures.append(runner(features, table).cpu().clone())
        assert runner.bands == bands
        if cell is not None:
            assert runner.cells is not None
            means.append(runner.cells.cpu().clone())
            whole = pictures[-1][..., :3].permute(2, 0, 1)[None].float() / 255
            assert (means[-1] - F.avg_pool2d(whole, cell)).abs().max() < 0.51 / 255
    assert torch.equal(pictures[0], pictures[1])
    assert cell is None or torch.equal(means[0], means[1])
    assert pictures[0][..., :3].double().std() > 10


def test_the_papers_viewport_needs_less_than_300_mib() -> None:
    """By what is allocated for it, which does not depend on the device."""
    runner = runner_of(presets()["paper"], None, torch.device("meta"))
    tensors = [*runner.buffers, runner.picture]
    for stage in runner.stages:
        for conv in (stage.upsampling, *(c for pair in stage.residuals for c in pair)):
            tensors += [conv.weight, conv.master]
    assert 250 < sum(tensor.nbytes for tensor in tensors) / 2**20 < 300
    assert runner.size == (1080, 1920)


def test_a_picture_too_large_for_the_kernels_is_refused() -> None:
    config = presets()["paper"].replace(viewport_height=4320, viewport_width=7680)
    channels = 72  # of the last stage, in eights
    assert 4320 * 7680 * channels > runner_module._MAX_ELEMENTS
    with pytest.raises(RuntimeError, match="7680x4320 is too large for the fused engine"):
        runner_of(config, 1, torch.device("meta"))


def test_channels_are_held_by_powers_of_two() -> None:
    held = {c: chunks(c) for c in (8, 16, 40, 72, 80, 96, 112, 136, 200)}
    assert held == {
        8: (16, 0),
        16: (16, 0),
        40: (32, 16),
        72: (64, 16),
        80: (64, 16),
        96: (64, 32),
        112: (128, 0),
        136: (128, 16),
        200: (256, 0),
    }


def test_the_fastest_tile_that_fits_is_kept() -> None:
    class Clock(FakeGpu):
        def seconds(self, start: object, end: object) -> float:
            return {SMALL: 2.0, fast: 1.0}[conv.tile]

    fast, slow_to_fit, spilling = (
        Tile(2, 64, 32, 4, 2),
        Tile(1, 64, 32, 4, 9),
        Tile(64, 512, 32, 4, 2),
    )
    conv = FusedConv(convolution(8, 8, 1).to(DEVICE), torch.float16, GELU)

    def run() -> None:
        assert conv.tile != spilling
        if conv.tile == slow_to_fit:
            raise TritonError("out of resource: shared memory")

    with patch.object(fused_conv, "TILES", (SMALL, spilling, fast, slow_to_fit)):
        conv.tune(Clock(), run)
    assert conv.tile == fast
    with (
        patch.object(fused_conv, "TILES", (slow_to_fit,)),
        pytest.raises(RuntimeError, match="no tile of the fused convolution fits"),
    ):
        conv.tune(Clock(), run)


@pytest.mark.parametrize(
    ("capability", "shared_kib", "tried"),
    [
        ((8, 0), 163, (1, 2, 5)),
        ((8, 6), 99, (1, 2, 5)),
        ((8, 6), 48, (2, 5)),
        ((9, 0), 227, (0, 1, 2, 3, 4, 5)),
        ((9, 0), 150, (1, 2, 3, 4, 5)),
        ((12, 0), 99, (1, 2, 5)),
    ],
)
def test_tiles_that_cannot_fit_a_gpu_are_not_compiled(
    capability: tuple[int, int], shared_kib: int, tried: tuple[int, ...]
) -> None:
    """Each takes seconds of a first start."""
    gpu, seen = FakeGpu(), set[Tile]()
    gpu.capability, gpu.shared_bytes = capability, shared_kib * 1024
    conv = FusedConv(convolution(72, 72, 3), torch.float16, GELU)
    with patch.object(fused_conv, "TILES", ALL_TILES):
        conv.tune(gpu, lambda: seen.add(conv.tile))
    assert {tile for tile in seen if not tile.half_sums} == {ALL_TILES[k] for k in tried}


@pytest.mark.parametrize(
    ("capability", "factor", "half"),
    [((8, 9), 0.6, True), ((8, 9), 1.1, False), ((9, 0), 0.6, False), ((8, 0), 0.6, False)],
)
def test_half_sums_are_taken_where_they_are_measured_to_be_faster(
    capability: tuple[int, int], factor: float, half: bool
) -> None:
    class Clock(FakeGpu):
        def seconds(self, start: object, end: object) -> float:
            return factor if conv.tile.half_sums else 1.0

    gpu = Clock()
    gpu.capability = capability
    conv = FusedConv(convolution(8, 8, 1), torch.float16, GELU)
    conv.tune(gpu, lambda: None)
    assert conv.tile == SMALL._replace(half_sums=half)


def test_half_sums_differ_from_float32_by_what_half_precision_makes_of_them() -> None:
    torch.manual_seed(3)
    conv = convolution(24, 24, 3)
    x = torch.randn(1, 24, 5, 37).half().float()
    results = []
    for half in (False, True):
        fused = FusedConv(conv.to(DEVICE), torch.float16, GELU)
        fused.tile = Tile(2, 32, 32, 4, 2, None, half)
        out = torch.zeros(5, 37, fused.outputs, device=DEVICE, dtype=torch.float16)
        fused(BandMap(rows_of(x, fused.inputs), 0, 5), BandMap(out, 0, 5), (0, 5))
        results.append(out.float().cpu())
    exact = F.gelu(conv.cpu()(x))[0].permute(1, 2, 0)
    errors = [(result - exact).abs().mean() for result in results]
    assert errors[0] < errors[1] < 4 * errors[0]
    assert errors[1] < 2e-3


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 2e4])
def test_a_picture_with_half_sums_is_within_half_precision_or_has_none(scale: float) -> None:
    """Sums of large features overflow."""

    class Clock(FakeGpu):
        def seconds(self, start: object, end: object) -> float:
            return 1.0

    decoder = lively_decoder(ONE)
    size, cpu = picture_size(ONE, None), torch.device("cpu")
    program = build_programs(decoder, cpu, size, torch.float16, make_runner=FusedRunner)
    runner, gpu = program.runner, Clock()
    assert isinstance(runner, FusedRunner)
    gpu.capability, gpu.shared_bytes = (8, 9), 99 * 1024
    with torch.no_grad():
        for conv in runner.convolutions[:1]:
            conv.weight.mul_(scale)
        look, expected = reference(decoder, LOOKS[0], 0)
        inputs = program.picture(*picture_inputs(program, decoder, look, 0, torch.float16))

        def take(conv: FusedConv, *_: object) -> None:
            conv.tile = SMALL._replace(half_sums=True)

        with patch.object(FusedConv, "tune", take):
            runner.ready(gpu, *inputs)
        assert {conv.tile.half_sums for conv in runner.convolutions} == {scale == 1.0}
        if scale == 1.0:
            assert psnr(runner(*inputs), expected) >= 60


def test_a_kernels_time_is_its_least_in_a_graph_of_several() -> None:
    class Clock(FakeGpu):
        times = iter([0.5, 0.3, 0.4])

        def seconds(self, start: object, end: object) -> float:
            return next(self.times)

    gpu, launched, counter = Clock(), [], torch.zeros(1)

    def run() -> None:
        launched.append(1)
        counter.add_(1)

    with patch.object(fused_conv, "LAUNCHES", 10), patch.object(fused_conv, "REPEATS", 3):
        assert fused_conv.seconds(gpu, run) == pytest.approx(0.03)
    assert gpu.replays == [3]
    assert len(launched) == 20, "by a run that compiles and by one that is captured"
    assert counter.item() == 10 + 3 * 10


@pytest.mark.slow
def test_tiles_are_measured_once_for_a_gpu(tmp_path: Path) -> None:
    file = CacheFile("tiles", tmp_path)
    other = Tile(2, 64, 32, 4, 2)

    def made_ready() -> tuple[list[Tile], FakeGpu]:
        runner, gpu = runner_of(ONE, 1, DEVICE, file), FakeGpu()
        inputs = runner.stages[0].upsampling.inputs
        shape = (*runner.projected, inputs)
        features = torch.zeros(shape, device=DEVICE, dtype=torch.float16)
        runner.ready(gpu, features, torch.zeros(4, 1, inputs, device=DEVICE))
        return [convolution.tile for convolution in runner.convolutions], gpu

    tiles, gpu = made_ready()
    assert tiles == [SMALL] * 3
    assert gpu.replays == [1] * 3
    with patch.object(fused_conv, "TILES", (SMALL, other)):
        file.write(json.dumps([SMALL, other, SMALL]).encode())
        tiles, gpu = made_ready()
        assert tiles == [SMALL, other, SMALL]
        assert gpu.replays == [], "nothing was measured"
    for foreign in (b"?", b"[1]", b"{}", json.dumps([SMALL] * 2).encode(), file.read()):
        assert foreign is not None
        file.write(foreign)
        tiles, gpu = made_ready()
        assert tiles == [SMALL] * 3
        assert gpu.replays == [1] * 3
        assert kept_tiles(file, 3) == tiles


def fused_engine(decoder: Decoder, gpu: Gpu) -> CompiledEngine:
    size = picture_size(decoder.config, None)
    return CompiledEngine(decoder, gpu, size, name="fused", make_runner=FusedRunner)


MADE: dict[str, Callable[[], Decoder]] = {
    "one stage": lambda: lively_decoder(ONE),
    "over a still": lambda: decoder_over_still(TWO),
}


@pytest.mark.slow
@pytest.mark.parametrize("made", MADE)
def test_the_engine_only_enqueues_shows_what_eager_shows_and_keeps_what_graphs_use(
    made: str,
) -> None:
    decoder = MADE[made]()
    size = picture_size(decoder.config, None)
    with track_programs() as tracked:
        engine = fused_engine(decoder, CudaGpu(DEVICE) if DEVICE.type == "cuda" else FakeGpu())
    assert engine.name == "fused"
    assert None not in [ref() for ref in tracked]
    assert len(tracked) > 30
    eager = EagerEngine(decoder, torch.device("cpu"), size)

    for look, frame in ((Look(), 0), (Look(0.6, 0.2), 1)):
        shown, expected = engine.decode(look, frame).pixels.cpu(), eager.decode(look, frame).pixels
        assert psnr(shown, expected) >= 60
        assert psnr(shown[..., 3:], expected[..., 3:]) >= 60
    again = partial(engine.decode, Look(0.3, 0.1), 0)
    count(again, [(FakeEvent, "synchronize")]).check()
    del engine, again, eager, decoder  # its tensors are the stand-in's memory, too
    gc.collect()
    assert DEVICE.type == "cuda" or tracked.alive() == []


@pytest.mark.cuda
@pytest.mark.parametrize("make", [lively_decoder, decoder_over_still])
@pytest.mark.parametrize("preset", ["paper", "demo"])
def test_on_a_gpu_full_size_pictures_are_within_half_precision(
    preset: str, make: Callable[[ModelConfig], Decoder]
) -> None:
    decoder = make(presets()[preset])
    engine = fused_engine(decoder, CudaGpu(DEVICE))
    eager = EagerEngine(decoder, DEVICE, engine.size, torch.float32)
    expected = eager.decode(LOOKS[0], 1).pixels.cpu()
    pixels = engine.decode(LOOKS[0], 1).pixels.cpu()
    assert psnr(pixels, expected) >= 45
    assert psnr(pixels[..., 3:], expected[..., 3:]) >= 45
