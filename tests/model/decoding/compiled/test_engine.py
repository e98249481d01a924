"""The compiled engine: its pictures, its ring, and a loop that does nothing but enqueue."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Any, ClassVar, cast
from unittest.mock import patch

import pytest
import torch
from torch.utils._python_dispatch import _disable_current_modes

from nerv360.config import ModelConfig
from nerv360.decoding import picture_size, timing
from nerv360.decoding.compiled import program
from nerv360.decoding.compiled.engine import RING, CompiledEngine
from nerv360.decoding.compiled.gpu import CudaGpu, _side_stream
from nerv360.decoding.eager import EagerEngine
from nerv360.geometry import Look
from nerv360.scene import Decoder
from tests.support.counting import count
from tests.support.decoders import LATE, LOOKS, psnr
from tests.support.fake_cuda import FakeCuda
from tests.support.fake_cuda import FakeEvent as FakeStreamEvent
from tests.support.fake_gpu import FakeEvent, FakeGpu, MetaMemory, Plans, ShapesGpu
from tests.support.lifetimes import Tracked, track_programs
from tests.support.scenes import CONFIGS, TINY, decoder_over_still, lively_decoder

CPU = torch.device("cpu")
STEPS = [(Look(0.1 * k, 0.05 * k, 0.3, 1.0 + 0.1 * k), k // 2 % 3) for k in range(7)]
WAITS = [(FakeEvent, "synchronize")]
SHORT = CONFIGS["hnerv"].replace(
    encoder_strides=(2,),
    strides=(2,),
    kernels=(3,),
    blocks=(0,),
    frame_height=8,
    frame_width=16,
)


def opened(
    config: ModelConfig = CONFIGS["nerv360"],
    gpu: FakeGpu | None = None,
    make: Callable[[ModelConfig], Decoder] = lively_decoder,
) -> CompiledEngine:
    """Return an engine in float32 on a fake GPU, which reads nothing of the scene's own memory."""
    size, decoder = picture_size(config, None), make(config)
    FakeGpu.pageable(*decoder.weights.values(), decoder.embeddings, *decoder.finer)
    if decoder.still is not None:
        FakeGpu.pageable(decoder.still.pixels, decoder.still.motion)
    return CompiledEngine(decoder, gpu or FakeGpu(), size, dtype=torch.float32)


def opened_on_cuda(
    config: ModelConfig, make: Callable[[ModelConfig], Decoder] = lively_decoder
) -> tuple[CompiledEngine, Decoder]:
    """Return an engine on the GPU, and its decoder."""
    decoder, gpu = make(config), CudaGpu(torch.device("cuda"))
    return CompiledEngine(decoder, gpu, picture_size(config, None)), decoder


@pytest.fixture
def tracked() -> Iterator[Tracked]:
    """Yield the results of `build_programs`."""
    with track_programs() as tracked:
        yield tracked


@pytest.mark.parametrize("name", CONFIGS)
def test_pictures_are_the_eager_engines(name: str) -> None:
    engine = opened(CONFIGS[name])
    eager = EagerEngine(lively_decoder(CONFIGS[name]), CPU, engine.size)
    for look, frame in STEPS:
        picture, expected = engine.decode(look, frame), eager.decode(look, frame)
        assert (picture.pixels.int() - expected.pixels.int()).abs().max() <= 1
        assert picture.look == expected.look
        assert (picture.frame, picture.equirectangular) == (frame, expected.equirectangular)
        assert picture.ready is not None


@pytest.mark.parametrize(("name", "bands"), [("nerv360", 3), ("hnerv", 1), ("hnerv-boost", 1)])
def test_pictures_over_a_still_are_the_eager_engines(name: str, bands: int) -> None:
    with patch.object(program, "band_count", lambda *args: bands):
        engine = opened(CONFIGS[name], make=decoder_over_still)
    decoder = decoder_over_still(CONFIGS[name])
    eager = EagerEngine(decoder, CPU, engine.size)
    assert decoder.still is not None
    assert engine.still is not None
    assert torch.equal(engine.still, decoder.still.pixels)
    alphas = set()
    for frame, look in enumerate(LOOKS):
        pixels, expected = (e.decode(look, frame).pixels.int() for e in (engine, eager))
        assert (pixels - expected).abs().max() <= 1
        alphas |= set(pixels[..., 3].flatten().tolist())
    assert len(alphas) > 20


@pytest.mark.parametrize("project_after", [1, 2, 3])
def test_stages_on_the_sphere_are_computed_for_crops(project_after: int) -> None:
    gpu, config = FakeGpu(), LATE.replace(project_after=project_after)
    engine = opened(config, gpu)
    eager = EagerEngine(lively_decoder(config), CPU, engine.size)
    gpu.replays[:] = [0] * len(gpu.replays)
    way = [(Look(), 0), (Look(0.02), 0), (Look(3.1, 0.1), 0), (Look(-3.1, 0.6), 1)]
    way += [(Look(1.0, 1.3), 1), (Look(-2.0, -1.55), 1), (Look(0.5, 1.5), 0), (Look(0.3), 0)]
    for look, frame in way:
        picture, expected = engine.decode(look, frame), eager.decode(look, frame)
        assert (picture.pixels.int() - expected.pixels.int()).abs().max() <= 1
    frames, *crops, pictures = gpu.replays
    assert (frames, pictures) == (2, len(way))
    assert all(crops), "each of the sizes is of use"
    assert sum(crops) == len(way) - 2, "a look beside the last one, and one after a wider crop"


def test_a_picture_stays_for_as_many_as_the_ring_holds() -> None:
    engine = opened()
    pictures = [engine.decode(look, 0) for look, _ in STEPS[:RING]]
    copies = [picture.pixels.clone() for picture in pictures]
    assert not torch.equal(copies[0], copies[1])
    assert all(torch.equal(p.pixels, c) for p, c in zip(pictures, copies, strict=True))
    reused = engine.decode(STEPS[RING][0], 0)
    assert reused.pixels.data_ptr() == pictures[0].pixels.data_ptr()
    assert torch.equal(pictures[1].pixels, copies[1])


def test_what_depends_on_the_frame_is_computed_when_it_changes() -> None:
    gpu = FakeGpu()
    engine = opened(gpu=gpu)
    gpu.replays[:], gpu.uploads = [0, 0], 0
    for frame in (0, 0, 1, 1, 1, 0):
        engine.decode(Look(0.2), frame)
    assert gpu.replays == [2, 6]
    assert gpu.uploads == 2


@pytest.mark.parametrize("name", CONFIGS)
def test_embeddings_and_motion_are_uploaded_when_the_frame_changes(name: str) -> None:
    gpu = FakeGpu()
    engine = opened(CONFIGS[name], gpu, decoder_over_still)
    gpu.uploads = 0
    for frame in (2, 2, 1):
        engine.decode(Look(0.2), frame)
    assert gpu.uploads == 2 * len(("embedding", "finer embedding", "motion map"))


class Drawer:
    """A runner that only has a picture."""

    def __init__(self, *_: object) -> None:
        self.cells: torch.Tensor | None = None
        self.picture = torch.zeros(*picture_size(TINY), 4, dtype=torch.uint8, device="meta")

    def ready(self, gpu: object, *inputs: object) -> None:
        pass

    def __call__(self, *inputs: object) -> torch.Tensor:
        return self.picture


def held_for(kind: str, decoder: Decoder) -> int:
    """Bytes of the meta device that an engine holds after decoding."""
    gpu, size = ShapesGpu(), picture_size(decoder.config)
    with MetaMemory() as memory, ExitStack() as stack:
        # The meta device has no autocast, and no values to compare.
        stack.enter_context(patch.object(torch, "autocast", lambda *_, **__: nullcontext()))
        stack.enter_context(patch.object(torch.Tensor, "equal", lambda *_: False))
        if kind == "eager":
            engine: Any = EagerEngine(decoder, gpu.device, size, torch.float32)
        elif kind == "with a runner":
            stack.enter_context(patch.object(program, "_over_still", lambda runner, _: runner))
            engine = CompiledEngine(decoder, gpu, size, make_runner=Drawer)
        else:
            engine = CompiledEngine(decoder, gpu, size)
        for frame in range(3):
            picture = engine.decode(Look(0.2), frame)
    assert picture.pixels.device == gpu.device
    return memory.held()


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in ("eager", "compiled") for name in CONFIGS]
    + [("with a runner", "nerv360")],
)
def test_an_engine_holds_few_frames_of_embeddings_on_its_device(kind: str, name: str) -> None:
    """The embeddings of 300 frames with a finer level take 1.4 GiB in the paper's preset."""
    short, long = (decoder_over_still(CONFIGS[name], frames) for frames in (3, 43))
    assert short.still is not None
    each = [*(e[0] for e in (short.embeddings, *short.finer)), short.still.motion[0]]
    frame_bytes = 2 * sum(e.numel() for e in each)
    grown = held_for(kind, long) - held_for(kind, short)
    assert 0 <= grown < 2 * frame_bytes, f"{grown / frame_bytes} frames"


def test_times_are_those_of_finished_pictures() -> None:
    gpu = FakeGpu()
    engine = opened(gpu=gpu)
    assert engine.decode(Look(), 0).decode_s == 0.25
    gpu.took = 0.5
    gpu.busy = True
    assert {engine.decode(Look(), 0).decode_s for _ in range(5)} == {0.25}
    gpu.busy = False
    assert engine.decode(Look(), 0).decode_s == 0.5


@pytest.mark.parametrize("make", [lively_decoder, decoder_over_still])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("name", ["nerv360", "hnerv"])
def test_cudnn_measures_every_convolution(
    name: str, bands: int, make: Callable[[ModelConfig], Decoder]
) -> None:
    """It keeps the plan of the first run, be it measured or guessed."""
    with patch.object(program, "band_count", lambda *args: bands), Plans() as plans:
        opened(CONFIGS[name], make=make)
    assert len(plans.measured) > 3
    assert all(plans.measured.values()), plans.measured
    assert not torch.backends.cudnn.benchmark


class _Stream:
    """A stream of a device, as `torch.cuda.Stream`, that counts itself."""

    made: ClassVar[list[int]] = []

    def __init__(self, device: int = 0) -> None:
        self.made.append(device)


def test_a_device_has_one_stream_for_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuBLAS keeps a workspace for each stream that it has seen, for ever."""
    _Stream.made.clear()
    monkeypatch.setattr(torch.cuda, "Stream", _Stream)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    _side_stream.cache_clear()
    for name in ("cuda", "cuda:0", "cuda:1", "cuda:0"):
        CudaGpu(torch.device(name))
    assert _Stream.made == [0, 1]
    _side_stream.cache_clear()


@pytest.mark.parametrize("module", ["gpu", "timing", "uncompiled"])
def test_who_waits_for_a_picture_keeps_no_core_busy(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, bool]] = []

    class Spinning(FakeStreamEvent):
        def __init__(self, **options: bool) -> None:
            asked.append(options)
            super().__init__(**options)

    cuda = FakeCuda(monkeypatch)
    monkeypatch.setattr(torch.cuda, "Event", Spinning)
    if module == "gpu":
        CudaGpu.event(cast(CudaGpu, None))
    elif module == "timing":
        timing._mark()
    else:
        engine = EagerEngine(lively_decoder(TINY), CPU, picture_size(TINY))
        engine.decode(Look(), 0)  # brings the frame's embeddings to where the rest is
        engine.device = torch.device("cuda")
        engine.decode(Look(), 0)
    assert cuda.current is cuda.decoder
    assert [options.get("blocking") for options in asked] == [True]


def test_missing_frames_are_refused() -> None:
    with pytest.raises(IndexError, match="no frame 3"):
        opened().decode(Look(), 3)


def loop(engine: CompiledEngine, extra: Callable[[int], Any] = lambda k: None) -> Callable[[], Any]:
    """Look around while the scene plays; do ``extra`` at every picture."""

    def run() -> None:
        for k, (look, frame) in enumerate(STEPS):
            engine.decode(look, frame)
            extra(k)

    return run


@pytest.mark.parametrize("name", [*CONFIGS, "on the sphere"])
def test_the_loop_neither_allocates_nor_waits_nor_compiles(name: str) -> None:
    config = LATE.replace(project_after=2) if name == "on the sphere" else CONFIGS[name]
    count(loop(opened(config)), WAITS).check()


@pytest.mark.slow
@pytest.mark.parametrize("bands", [1, 3])
def test_the_loop_does_no_more_over_a_still_panorama(bands: int) -> None:
    with patch.object(program, "band_count", lambda *args: bands):
        engine = opened(make=decoder_over_still)
    count(loop(engine), WAITS).check()


@pytest.mark.slow
def test_a_compiled_program_is_not_compiled_again_in_the_loop() -> None:
    engine = opened(SHORT, FakeGpu("eager"))
    count(loop(engine), WAITS).check()
    # The count is worth something: another program, and it is one.
    program = torch.compile(torch.nn.Tanh(), backend="eager")

    def late(k: int) -> None:
        with _disable_current_modes():
            program(torch.zeros(2))

    assert len(count(loop(engine, late), WAITS).compilations) == 1


@pytest.mark.slow
def test_the_count_sees_an_allocation() -> None:
    engine = opened()
    counts = count(loop(engine, lambda k: torch.empty(4) if k == 3 else None), WAITS)
    assert counts.allocations == ["empty"]
    assert not counts.waits
    kept = torch.ones(2)
    copied = count(loop(engine, lambda k: kept.clone()), WAITS)
    assert copied.allocations == ["clone"] * len(STEPS)


@pytest.mark.slow
def test_the_count_sees_a_wait() -> None:
    engine = opened()
    ready = engine.decode(Look(), 0).ready
    assert ready is not None
    counts = count(loop(engine, lambda k: ready.synchronize() if k == 5 else None), WAITS)
    assert counts.waits == ["synchronize"] * 2
    cell = torch.ones(())
    assert "_local_scalar_dense" in count(loop(engine, lambda k: cell.item()), WAITS).waits


LIVES = [
    *((name, None) for name in CONFIGS),
    ("in bands", None),
    *((f"{name} over a still", None) for name in CONFIGS),
    ("in bands over a still", None),
    ("on the sphere", None),
    *(
        pytest.param(case, backend, marks=pytest.mark.slow)
        for case, backend in (
            ("short", "eager"),
            ("short", "aot_eager"),
            ("nerv360", "aot_eager"),
            ("hnerv over a still", "aot_eager"),
            ("in bands over a still", "aot_eager"),
        )
    ),
]


@pytest.mark.parametrize(("case", "backend"), LIVES)
def test_all_that_graphs_use_lives_as_long_as_the_engine(
    case: str, backend: str | None, tracked: Tracked
) -> None:
    late = LATE.replace(project_after=2)
    configs = {**CONFIGS, "short": SHORT, "in bands": TINY, "on the sphere": late}
    config = configs[case.removesuffix(" over a still")]
    make = decoder_over_still if case.endswith("still") else lively_decoder
    with patch.object(program, "band_count", lambda *args: 3 if "bands" in case else 1):
        engine = opened(config, FakeGpu(backend), make)
    assert None not in [ref() for ref in tracked]
    assert len(tracked) > 10
    for look, frame in STEPS:
        engine.decode(look, frame)
    del engine
    if backend is not None:
        gc.collect()  # compiling leaves circles behind
    assert tracked.alive() == []


@pytest.mark.slow
def test_compiled_code_lives_as_long_as_the_engine() -> None:
    """A reset of the compiler drops its own hold on it, and inductor's kernels with it."""
    code: list[weakref.ref[Any]] = []

    class Code:
        def __init__(self, graph: Any) -> None:
            self.graph = graph

        def __call__(self, *inputs: Any) -> Any:
            return self.graph(*inputs)

    def compiler(graph: Any, inputs: Any) -> Code:
        made = Code(graph)
        code.append(weakref.ref(made))
        return made

    with patch("torch._dynamo.lookup_backend", return_value=compiler):
        engine = opened(CONFIGS["nerv360"], FakeGpu("tracked"))
    assert len(code) == 2
    torch.compiler.reset()
    gc.collect()
    assert [ref() for ref in code if ref() is None] == []
    engine.decode(Look(0.1), 1)
    del engine
    gc.collect()
    assert [ref() for ref in code if ref() is not None] == []


def test_two_threads_build_one_after_the_other() -> None:
    """Beginning a capture waits for the whole GPU, which breaks any other one."""
    began, errors = threading.Event(), []

    def build(gpu: FakeGpu) -> None:
        try:
            opened(SHORT, gpu)
        except RuntimeError as error:
            errors.append(error)

    other = threading.Thread(target=build, args=(FakeGpu(),))

    def meanwhile() -> None:
        if not began.is_set():
            began.set()
            other.start()
            other.join(0.3)  # it has to wait, or to fail

    first = FakeGpu()
    first.during = meanwhile
    build(first)
    other.join()
    assert began.is_set()
    assert errors == []


@pytest.mark.slow
def test_many_sizes_are_compiled_in_one_process() -> None:
    for step in range(12):
        height = SHORT.frame_height + 2 * step
        opened(SHORT.replace(frame_height=height, frame_width=2 * height), FakeGpu("eager"))


@pytest.mark.cuda
@pytest.mark.parametrize("make", [lively_decoder, decoder_over_still])
@pytest.mark.parametrize("name", CONFIGS)
def test_on_a_gpu_pictures_are_within_half_precision(
    name: str, make: Callable[[ModelConfig], Decoder]
) -> None:
    engine, decoder = opened_on_cuda(CONFIGS[name], make)
    eager = EagerEngine(decoder, CPU, engine.size)
    for look, frame in STEPS:
        expected = eager.decode(look, frame).pixels
        pixels = engine.decode(look, frame).pixels.cpu()
        assert psnr(pixels, expected) >= 45
        assert psnr(pixels[..., 3:], expected[..., 3:]) >= 45


@pytest.mark.cuda
@pytest.mark.parametrize("make", [lively_decoder, decoder_over_still])
@pytest.mark.parametrize("name", CONFIGS)
def test_on_a_gpu_the_loop_only_enqueues(name: str, make: Callable[[ModelConfig], Decoder]) -> None:
    engine, _ = opened_on_cuda(CONFIGS[name], make)
    run = loop(engine)
    run()
    count(run).check()
    wasteful = count(loop(engine, lambda k: torch.empty(4, device="cuda")))
    assert wasteful.allocations


@pytest.mark.cuda
@pytest.mark.parametrize("name", CONFIGS)
def test_on_a_gpu_an_engine_holds_few_frames_of_embeddings(name: str) -> None:
    def held(frames: int) -> int:
        before = torch.cuda.memory_allocated()
        engine, _ = opened_on_cuda(CONFIGS[name], partial(decoder_over_still, frames=frames))
        engine.decode(Look(), frames - 1)
        assert all(rows.is_pinned() for rows in engine._frames.data.maps)
        return torch.cuda.memory_allocated() - before

    held(3)  # workspaces stay
    assert held(303) - held(3) < 2**16


@pytest.mark.cuda
def test_on_a_gpu_the_count_sees_a_wait() -> None:
    engine, _ = opened_on_cuda(CONFIGS["nerv360"])
    value = torch.ones((), device="cuda")
    with pytest.raises(RuntimeError, match="synchroniz"):
        count(loop(engine, lambda k: value.item()))


def test_memory_that_cannot_be_locked_is_no_fault_of_cached_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("CUDA error: OS call failed")

    monkeypatch.setattr(torch, "empty", refuse)
    with pytest.raises(torch.OutOfMemoryError, match="main memory can be locked"):
        CudaGpu.pinned(cast(CudaGpu, None), (1, 2), torch.float32)
