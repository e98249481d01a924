"""One source in use: its fallbacks, its faster engine, and its background's turn."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace

import pytest
import torch

from nerv360.decoding.engine import Picture
from nerv360.geometry import Look
from nerv360.viewer.decode.open_scene import EngineSource
from nerv360.viewer.decode.worker import DecodeWorker
from tests.support.decoding import Rest, picture, pictures, until, wanted
from tests.support.fake_engine import FakeEngine


def test_a_failing_engine_gives_way_to_the_next(worker: DecodeWorker) -> None:
    def refuses() -> FakeEngine:
        raise RuntimeError("no compiler was found\nand a long trace")

    broken = FakeEngine(name="broken", failure=lambda _: RuntimeError("out of memory"))
    worker.open(EngineSource([refuses, lambda: broken, lambda: FakeEngine(name="plain")]))
    worker.request(wanted(10))
    assert picture(worker).frame == 0
    assert worker.report.engine is not None
    assert worker.report.engine.name == "plain"
    assert worker.report.error == "Frame 0 cannot be decoded: out of memory"


def test_when_no_engine_is_left_the_worker_waits_for_another_source(worker: DecodeWorker) -> None:
    def refuses() -> FakeEngine:
        raise RuntimeError("no memory")

    worker.open(EngineSource([refuses]))
    worker.request(wanted())
    until(lambda: worker.report.error)
    assert worker.report.error == "The decoder cannot be opened: no memory"
    worker.open(EngineSource([FakeEngine]))
    worker.request(wanted())
    assert picture(worker).frame == 0
    assert worker.report.error is None


def test_pictures_of_an_engine_with_one_buffer_are_copied(worker: DecodeWorker) -> None:
    engine = FakeEngine(ring=1)
    made: list[int] = []
    plain = engine.decode

    def decode(look: Look, frame: int) -> Picture:
        result = plain(look, frame)
        made.append(result.pixels.data_ptr())
        return result

    engine.decode = decode  # type: ignore[method-assign]
    worker.open(EngineSource([lambda: engine]))
    worker.request(wanted())
    assert picture(worker).pixels.data_ptr() not in made


def test_the_background_is_made_after_the_first_picture_and_then_rests(
    worker: DecodeWorker, rest: Rest
) -> None:
    small = FakeEngine((32, 32))
    worker.open(EngineSource([FakeEngine], background=lambda: small))
    worker.request(wanted())
    pixels = None

    def complete() -> bool:
        nonlocal pixels
        with worker.results() as results:
            pixels = results.backgrounds.get(0, pixels)
        return pixels is not None and bool((pixels[..., 3] >= 254).all())

    until(complete)
    parts = len(small.requests)
    worker.request(wanted(30))
    until(lambda: worker.report.decoded == 2)
    rest.wait()
    assert len(small.requests) == parts


def test_the_background_takes_a_small_share_while_the_clip_plays(worker: DecodeWorker) -> None:
    main = FakeEngine(frames=100_000, delay=0.004)
    small = FakeEngine((32, 32), frames=100_000, delay=0.004)
    plain = main.decode

    def decode(look: Look, frame: int) -> Picture:
        # The next frame is due before this one is finished: the worker is never idle.
        worker.request(wanted(0, frame + 1))
        return plain(look, frame)

    main.decode = decode  # type: ignore[method-assign]
    worker.open(EngineSource([lambda: main], background=lambda: small))
    worker.request(wanted())
    until(lambda: len(small.requests) >= 2)
    pictures, parts = len(main.requests), len(small.requests)
    until(lambda: len(small.requests) >= parts + 6)
    assert len(main.requests) - pictures > 2 * 6


def test_a_background_that_fails_costs_no_picture(worker: DecodeWorker) -> None:
    def refuses() -> FakeEngine:
        raise RuntimeError("no memory for two")

    worker.open(EngineSource([FakeEngine], background=refuses))
    for frame in range(3):
        worker.request(wanted(0, frame))
        assert picture(worker).frame == frame
    assert worker.report.error is None


def test_a_faster_engine_takes_over_when_it_is_built(worker: DecodeWorker) -> None:
    gate = threading.Semaphore(0)

    def slowly() -> FakeEngine:
        gate.acquire()
        return FakeEngine(name="compiled")

    worker.open(EngineSource([lambda: FakeEngine(name="eager")], upgrade=slowly))
    for frame in range(3):
        worker.request(wanted(0, frame))
        assert picture(worker).frame == frame
    assert worker.report.engine is not None
    assert worker.report.engine.name == "eager"
    gate.release()
    until(lambda: worker.report.engine is not None and worker.report.engine.name == "compiled")
    assert picture(worker).frame == 2, "what is shown is decoded again"


def test_a_faster_engine_that_cannot_be_built_changes_nothing(
    worker: DecodeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses() -> FakeEngine:
        raise RuntimeError("there is no compiler")

    worker.open(EngineSource([lambda: FakeEngine(name="eager")], upgrade=refuses))
    worker.request(wanted())
    assert picture(worker).frame == 0
    until(lambda: "there is no compiler" in caplog.text)
    until(lambda: worker.report.remark)
    assert worker.report.remark == "There is no faster engine: there is no compiler."
    worker.request(wanted(20))
    assert picture(worker).look.degrees()[0] == pytest.approx(20)
    assert worker.report.error is None


def test_a_faster_engine_that_fails_gives_way_to_the_first(worker: DecodeWorker) -> None:
    broken = FakeEngine(name="compiled", failure=lambda _: RuntimeError("CUDA error"))
    gate = threading.Semaphore(0)

    def slowly() -> FakeEngine:
        gate.acquire()
        return broken

    worker.open(EngineSource([lambda: FakeEngine(name="eager")], upgrade=slowly))
    worker.request(wanted())
    assert picture(worker).frame == 0
    gate.release()
    until(lambda: broken.requests)
    assert picture(worker).frame == 0
    assert worker.report.engine is not None
    assert worker.report.engine.name == "eager"
    assert worker.report.error == "Frame 0 cannot be decoded: CUDA error"


def test_a_decoder_that_came_down_beside_another_begins_anew_alone(worker: DecodeWorker) -> None:
    beside = threading.Event()

    def fast() -> FakeEngine:
        def failure(_: int) -> Exception | None:
            return torch.OutOfMemoryError("20 GiB") if beside.is_set() else None

        return FakeEngine(name="fast", failure=failure)

    left = EngineSource([fast, lambda: FakeEngine(name="slow")])
    worker.open(left)
    worker.request(wanted())
    assert picture(worker).frame == 0
    beside.set()
    worker.open(left, EngineSource([FakeEngine]))
    worker.request(wanted(20))
    until(lambda: worker.report.engine and worker.report.engine.name == "slow")
    beside.clear()
    worker.open(left)
    worker.request(wanted(40))
    assert picture(worker).look.degrees()[0] == pytest.approx(40)
    assert worker.report.engine is not None
    assert worker.report.engine.name == "fast"
    assert worker.report.error is None, "what failed before is not of what is open now"


def test_a_background_that_failed_beside_another_is_tried_again_alone(worker: DecodeWorker) -> None:
    beside = threading.Event()
    beside.set()

    def background() -> FakeEngine:
        if beside.is_set():
            raise torch.OutOfMemoryError("20 GiB")
        return FakeEngine((32, 32))

    left = EngineSource([FakeEngine], background=background)
    worker.open(left, EngineSource([FakeEngine]))
    worker.request(wanted())
    assert pictures(worker)
    until(lambda: worker.idle)
    beside.clear()
    worker.open(left)
    worker.request(wanted())

    def filled() -> bool:
        with worker.results() as results:
            return bool(results.backgrounds)

    until(filled)


def test_an_error_that_nobody_foresaw_is_reported_and_decoding_goes_on(
    worker: DecodeWorker,
) -> None:
    class Odd(FakeEngine):
        """Its range of fields of view, which is asked for outside of decoding, is no range."""

        def __init__(self) -> None:
            super().__init__()
            self.hfov_range = ()  # type: ignore[assignment]

    worker.open(EngineSource([Odd, lambda: FakeEngine(name="plain")]))
    worker.request(wanted())
    assert picture(worker).frame == 0
    assert worker.report.engine is not None
    assert worker.report.engine.name == "plain"
    assert worker.report.error is not None
    assert worker.report.error.startswith("Pictures cannot be decoded: not enough values")
    worker.open(EngineSource([Odd]))
    worker.request(wanted(10))
    until(lambda: worker.report.ended)
    worker.open(EngineSource([FakeEngine]))
    worker.request(wanted(20))
    assert picture(worker).look.degrees()[0] == pytest.approx(20)


def test_a_picture_that_cannot_be_kept_costs_an_engine_and_not_the_thread(
    worker: DecodeWorker,
) -> None:
    class Pixels:
        def clone(self) -> None:
            raise torch.OutOfMemoryError("8 MiB")

    engine = FakeEngine(ring=1)
    plain = engine.decode
    engine.decode = lambda look, frame: replace(plain(look, frame), pixels=Pixels())  # type: ignore[arg-type, method-assign]
    worker.open(EngineSource([lambda: engine, FakeEngine]))
    worker.request(wanted())
    assert picture(worker).frame == 0
    assert worker.report.error == (
        "Frame 0 cannot be decoded: the device is out of memory; close what else uses it"
    )


def test_an_engine_that_failed_is_gone_before_the_next_is_made(worker: DecodeWorker) -> None:
    made: list[weakref.ref[FakeEngine]] = []
    alive: list[bool] = []

    def broken() -> FakeEngine:
        engine = FakeEngine(failure=lambda _: torch.OutOfMemoryError("20 GiB"))
        made.append(weakref.ref(engine))
        return engine

    def spare() -> FakeEngine:
        gc.collect()
        alive.append(made[0]() is not None)
        return FakeEngine()

    worker.open(EngineSource([broken, spare]))
    worker.request(wanted())
    assert picture(worker).frame == 0
    assert alive == [False], "its memory may be what the next one needs"
