"""Decoders that take turns in one compiled engine: only weights change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from unittest.mock import patch

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.decoding import ChapterEngine, Engine, picture_size
from nerv360.decoding.compiled import program
from nerv360.decoding.compiled.engine import RING, CompiledEngine
from nerv360.decoding.eager import EagerEngine
from nerv360.geometry import Look
from nerv360.scene import Decoder, StillPanorama
from tests.support.decoders import LATE, LOOKS
from tests.support.fake_gpu import FakeGpu
from tests.support.scenes import CONFIGS, decoder_over_still, lively_decoder

CASES = {
    **CONFIGS,
    "a stage on the sphere": LATE.replace(project_after=1),
    "all stages on the sphere": LATE.replace(project_after=3),
    "expanded after projection": CONFIGS["nerv360"].replace(expand_before_projection=False),
}
FRAMES = 5


def other_of(decoder: Decoder) -> Decoder:
    """Return a decoder of the same configuration, unlike in everything else."""
    random = torch.Generator().manual_seed(7)

    def changed(values: torch.Tensor) -> torch.Tensor:
        return values + 0.2 * torch.randn(values.shape, generator=random)

    coarsest, *finer = (
        torch.randn(FRAMES, *shape, generator=random) for shape in decoder.config.embedding_shapes
    )
    weights = {name: changed(weight) for name, weight in decoder.weights.items()}
    still = decoder.still
    if still is not None:
        picture = still.pixels.flip(0)
        still = StillPanorama.of(picture, [picture.roll(9 * k, 1) for k in range(FRAMES)])
    return replace(decoder, weights=weights, embeddings=coarsest, finer=tuple(finer), still=still)


def opened(decoder: Decoder, gpu: FakeGpu) -> CompiledEngine:
    return CompiledEngine(decoder, gpu, picture_size(decoder.config, None), dtype=torch.float32)


def on_host(decoder: Decoder) -> Decoder:
    """Declare that the host's own memory holds the tensors of a decoder."""
    FakeGpu.pageable(*decoder.weights.values(), decoder.embeddings, *decoder.finer)
    if decoder.still is not None:
        FakeGpu.pageable(decoder.still.pixels, decoder.still.motion)
    return decoder


def assert_alike(engine: Engine, eager: Engine, look: Look, frame: int) -> None:
    picture, expected = engine.decode(look, frame), eager.decode(look, frame)
    assert (picture.pixels.int() - expected.pixels.int()).abs().max() <= 1
    assert picture.frame == frame
    if eager.still is not None:
        assert engine.still is not None
        assert torch.equal(engine.still, eager.still)


@pytest.mark.parametrize(
    ("name", "make", "bands"),
    [
        *((name, decoder_over_still, None) for name in CASES),
        ("nerv360", lively_decoder, None),
        ("hnerv", lively_decoder, 3),
        ("nerv360", decoder_over_still, 3),
    ],
)
def test_each_decodes_its_own_pictures(
    name: str, make: Callable[[ModelConfig], Decoder], bands: int | None
) -> None:
    gpu, first = FakeGpu(), on_host(make(CASES[name]))
    second = on_host(other_of(first))
    banded = patch.object(program, "band_count", lambda *given: bands)
    with banded if bands else nullcontext():
        engine = opened(first, gpu)
        captures = len(gpu.replays)
        turns: list[Engine] = [engine, engine.beside(second)]
    eager = [EagerEngine(each, torch.device("cpu"), engine.size) for each in (first, second)]
    assert not torch.equal(*(each.decode(LOOKS[0], 1).pixels for each in eager))
    for look in LOOKS[:2]:
        for index in (0, 1, 1, 0):
            assert_alike(turns[index], eager[index], look, 1)
    assert_alike(turns[1], eager[1], LOOKS[0], FRAMES - 1)
    with pytest.raises(IndexError):
        turns[0].decode(LOOKS[0], FRAMES - 1)
    assert len(gpu.replays) == captures, "code and graphs serve both"


def test_pictures_of_the_turn_before_stay_as_long_as_others() -> None:
    first = on_host(decoder_over_still(CONFIGS["nerv360"]))
    engine = opened(first, FakeGpu())
    beside = engine.beside(on_host(other_of(first)))
    picture = engine.decode(LOOKS[0], 0)
    kept = picture.pixels.clone()
    for _ in range(RING - 1):
        beside.decode(LOOKS[1], 1)
    assert torch.equal(picture.pixels, kept)


def test_weights_change_only_when_the_turn_does() -> None:
    gpu, first = FakeGpu(), on_host(lively_decoder(CONFIGS["nerv360"]))
    engine = opened(first, gpu)
    beside = engine.beside(on_host(other_of(first)))
    beside.decode(LOOKS[0], 0)
    gpu.uploads = 0
    for look in LOOKS[:4]:
        beside.decode(look, 0)
    assert gpu.uploads == 0
    engine.decode(LOOKS[0], 0)
    assert gpu.uploads > 10


def test_a_turn_that_is_gone_leaves_no_trace() -> None:
    gpu, first = FakeGpu(), on_host(decoder_over_still(CONFIGS["nerv360"]))
    engine = opened(first, gpu)
    eager = EagerEngine(first, torch.device("cpu"), engine.size)
    for _ in range(3):
        engine.beside(on_host(other_of(first))).decode(LOOKS[0], 2)
        assert_alike(engine, eager, LOOKS[1], 2)


def test_chapters_share_one_engine_and_the_next_is_prepared_on_another_thread() -> None:
    gpu, first = FakeGpu(), on_host(decoder_over_still(CONFIGS["nerv360"]))
    chapters = [first, on_host(other_of(first)), first]
    threads = list[threading.Thread]()

    def open_chapter(number: int, like: object) -> Engine:
        if number == 0 and like is None:
            return opened(chapters[0], gpu)
        assert isinstance(like, CompiledEngine)
        return like.beside(chapters[number])

    def ahead(prepare: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=prepare))
        threads[-1].start()
        threads[-1].join()

    engine = ChapterEngine((0, 3, 8), 11, open_chapter, ahead)
    captures = len(gpu.replays)
    for frame in (0, 2, 3, 7, 8, 10, 4, 1):
        chapter, begin = next((k, b) for k, b in ((2, 8), (1, 3), (0, 0)) if frame >= b)
        eager = EagerEngine(chapters[chapter], torch.device("cpu"), engine.size)
        pixels = engine.decode(LOOKS[0], frame).pixels
        expected = eager.decode(LOOKS[0], frame - begin).pixels
        assert (pixels.int() - expected.int()).abs().max() <= 1
    assert threads
    assert len(gpu.replays) == captures
