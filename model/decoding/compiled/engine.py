"""The engine for GPUs: launches all work of a picture as one graph, without waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from nerv360.decoding.compiled.attempts import Attempts, is_lost
from nerv360.decoding.compiled.cache import CacheFile, CompileCache, cache_key
from nerv360.decoding.compiled.compiler import building, free_frames
from nerv360.decoding.compiled.crops import CropGraphs
from nerv360.decoding.compiled.frames import Frames
from nerv360.decoding.compiled.gpu import CudaGpu, Gpu
from nerv360.decoding.compiled.program import DecoderPrograms, build_programs
from nerv360.decoding.compiled.runner import RunnerMaker, weight_modules
from nerv360.decoding.compiled.turns import Turn, TurnData, flat_weights, pinned_weights
from nerv360.decoding.engine import Picture
from nerv360.decoding.looks import decoded_look, hfov_range, look_tensor
from nerv360.decoding.lowering import covered_still
from nerv360.geometry import Look
from nerv360.networks import architecture_of
from nerv360.scene import Decoder

log = logging.getLogger(__name__)

RING = 3
"""One picture on its way to the screen, one waiting for it, and one being decoded."""


class _Slot:
    """A picture's slot in the ring, with events at its start and end."""

    def __init__(self, gpu: Gpu, size: tuple[int, int]) -> None:
        self.pixels = torch.empty(*size, 4, dtype=torch.uint8, device=gpu.device)
        self.start, self.end = gpu.event(), gpu.event()
        self.used = False


class CompiledEngine:
    """Engine that replays graphs; `decode` only enqueues, on the current stream.

    Once the engine is built, nothing is allocated, compiled or waited for. Look and time are set by
    fills, whose values are arguments of the launch: a pinned buffer could be rewritten only after
    its copy has run, and the host would have to wait. Embeddings are copied from pinned memory that
    is not rewritten (`Frames`). Work that depends only on the frame has its own graph, replayed
    when the frame changes.

    The picture's graph has one output, which is copied into the ring. A graph per slot would save
    the copy, a few microseconds for a viewport, but needs more captures at start-up.

    A slot is overwritten after `ring` pictures. Readers in the current stream finish before that
    automatically. Other readers must finish on the host first, as in the viewer: its upload returns
    when the pixels have been read, and its worker starts no decode that would overtake it.

    The graphs launch compiled code and use the memory of weights, embeddings and buffers without
    keeping any of it alive. The engine keeps all of it.
    """

    ring = RING

    def __init__(
        self,
        decoder: Decoder,
        gpu: Gpu,
        size: tuple[int, int],
        dtype: torch.dtype = torch.float16,
        *,
        name: str = "compiled",
        make_runner: RunnerMaker | None = None,
    ) -> None:
        """Compile and capture; takes seconds to minutes, less if the compiler's cache is filled.

        Args:
            make_runner: makes the runner that computes a viewport's stages and head; the compiler
                then only builds the program before them.

        Raises:
            RuntimeError: no compiler works here, the runner cannot run, or memory runs out.
        """
        self.name = name
        self.device, self.size, self.precision = gpu.device, size, dtype
        self.hfov_range = hfov_range(decoder.config)
        self.full_frame = architecture_of(decoder.config).full_frame
        self.still = covered_still(decoder, gpu.device)
        self._gpu, self._config = gpu, decoder.config
        self._crops: CropGraphs | None = None
        self._frames = Frames(decoder, gpu, dtype)
        self._look = look_tensor(Look(), gpu.device)
        self._look_cells = self._look[0].unbind()
        self._slots = [_Slot(gpu, size) for _ in range(RING)]
        self._make_runner = make_runner
        with building(), torch.no_grad():
            self._programs = build_programs(
                decoder, self.device, size, dtype, make_runner=make_runner
            )
            self._prepare, self._picture, self._output = self._capture(self._programs)
        self.takes_turns = weight_modules(self._programs.runner) is not None
        self._own: TurnData | None = None
        self._turn: TurnData | None = None
        self._prepared: int | None = None
        self._count = 0
        self._decode_s = 0.0
        self.decode(Look(), 0)
        self._slots[0].end.synchronize()
        self._note_time(self._slots[0])

    def decode(self, look: Look, frame: int) -> Picture:
        """Decode a picture; its `ready` event passes when its pixels are there.

        See `Engine.decode`.
        """
        return self.decode_turn(self._own, look, frame)

    def beside(self, decoder: Decoder) -> Turn:
        """Return an engine of another decoder of the same configuration; see `TurnTaking`.

        Raises:
            RuntimeError: memory runs out.
        """
        with building(), torch.no_grad():
            if self._own is None:
                weights = pinned_weights(self._programs, self._gpu)
                self._own = self._turn = TurnData(weights, self._frames.data, self.still)
            programs = build_programs(
                decoder, torch.device("cpu"), self.size, self.precision,
                make_runner=self._make_runner,
            )  # fmt: skip
            weights = pinned_weights(programs, self._gpu)
        still = covered_still(decoder, self.device)
        return Turn(self, TurnData(weights, self._frames.data_of(decoder), still))

    def decode_turn(self, turn: TurnData | None, look: Look, frame: int) -> Picture:
        """Decode with the decoder of a turn; None for this engine's own, until there are others."""
        if turn is not self._turn:
            assert turn is not None, "there are others"
            self._load(turn)
        if not 0 <= frame < len(self._frames):
            raise IndexError(f"there is no frame {frame}, only {len(self._frames)}")
        actual = Look() if self.full_frame else decoded_look(look, self.hfov_range)
        slot = self._slots[self._count % RING]
        self._count += 1
        self._note_time(slot)
        self._gpu.record(slot.start)
        with torch.no_grad():
            if frame != self._prepared:
                self._frames.select(frame)
                if self._prepare is not None:
                    self._prepare()
                self._prepared = frame
            if self._crops is not None:
                self._crops.select(frame, actual)
            if not self.full_frame:
                for cell, value in zip(self._look_cells, actual.angles, strict=True):
                    cell.fill_(value)
            self._picture()
            slot.pixels.copy_(self._output)
        self._gpu.record(slot.end)
        slot.used = True
        ready = cast(torch.cuda.Event, slot.end)
        return Picture(slot.pixels, actual, frame, self.full_frame, self._decode_s, ready)

    def _load(self, turn: TurnData) -> None:
        """Enqueue the change of weights and frames, on the current stream."""
        for flat, own in zip(turn.weights, flat_weights(self._programs), strict=True):
            self._gpu.upload(flat, own)
        self._frames.data, self.still, self._turn = turn.frames, turn.still, turn
        self._prepared = None
        if self._crops is not None:
            self._crops.forget()

    def _note_time(self, slot: _Slot) -> None:
        """Record the time of the picture about to be overwritten, if it is finished."""
        if slot.used and slot.end.query():
            self._decode_s = self._gpu.seconds(slot.start, slot.end)

    def _capture(
        self, programs: DecoderPrograms
    ) -> tuple[Callable[[], None] | None, Callable[[], None], Tensor]:
        self._kept: list[object] = [programs]
        code = self._frames.inputs
        replay_prepare: Callable[[], None] | None = None
        if programs.prepare is not None:
            prepare: Callable[..., tuple[Tensor, ...]] = self._gpu.compile(programs.prepare)
            self._kept.append(prepare)
            # Kept alive: in a shared pool the next capture would otherwise reuse their memory.
            self._shared, replay_prepare = self._gpu.capture(lambda: prepare(*code))
        if programs.crops:
            height, width = self.size
            config = self._config.replace(viewport_height=height, viewport_width=width)
            self._crops = CropGraphs(self._gpu, programs.crops, config, code, self.precision)
        runner = programs.runner
        if runner is None:
            picture: Callable[..., Tensor] = self._gpu.compile(programs.picture)
            self._kept.append(picture)
            output, replay = self._gpu.capture(lambda: picture(*self._inputs()))
        else:
            front: Callable[..., tuple[Tensor, ...]] = self._gpu.compile(programs.picture)
            self._kept.append(front)
            with self._gpu.current():
                inputs = self._gpu.first(lambda: front(*self._inputs()))
                runner.ready(self._gpu, *inputs)
            output, replay = self._gpu.capture(lambda: runner(*front(*self._inputs())))
        return replay_prepare, replay, output

    def _inputs(self) -> tuple[Tensor, ...]:
        """Return the inputs of `DecoderPrograms.picture`."""
        if self.full_frame:
            return self._frames.inputs
        if self._crops is None:
            return (*self._shared, self._look)
        return (self._crops.features, *self._shared, self._crops.crop, self._look)


def open_compiled(
    decoder: Decoder,
    device: torch.device,
    size: tuple[int, int],
    *,
    name: str = "compiled",
    make_runner: RunnerMaker | None = None,
    measured: Sequence[CacheFile] = (),
) -> CompiledEngine:
    """Open a `CompiledEngine` on a CUDA device, with code of an earlier run if it still works.

    Args:
        name: of the engine; code is kept for each name.
        make_runner: see `CompiledEngine`.
        measured: more files that the engine is made from; discarded with code that fails.

    Raises:
        UnavailableError: building it has ended the use of the GPU more than once.
        RuntimeError: memory runs out, or the use of the GPU has ended.
        Exception: no compiler works here; its class depends on the compiler.
    """

    def build(gpu: CudaGpu) -> CompiledEngine:
        return CompiledEngine(decoder, gpu, size, name=name, make_runner=make_runner)

    cache = CompileCache(cache_key(decoder, device, size, torch.float16, name))
    attempts = Attempts(
        CacheFile(cache_key(decoder, device, size, torch.float16, f"{name}, attempts")), name
    )
    with building(), attempts.attempt(device):
        gpu = CudaGpu(device)
        try:
            cache.load()
            engine = build(gpu)
        except (torch.OutOfMemoryError, ImportError):
            raise
        except Exception as error:
            # Cached code that no longer runs must not prevent new code.
            for file in (cache, *measured):
                file.discard()
            if is_lost(device):  # for this process: the next one compiles again
                raise
            log.info("compiling anew, without what was kept: %s", error)
            free_frames(error)
            torch.compiler.reset()
            with torch.compiler.config.patch(force_disable_caches=True):  # type: ignore[attr-defined]
                return build(CudaGpu(device))
        cache.save()
        return engine
