"""The decoding thread: the newest request wins, errors are data, engines follow each other."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from model.decoding.engine import Picture
from model.geometry import Look
from tests.support.decoding import Rest, picture, pictures, until, wanted, watched_workers
from tests.support.fake_engine import FakeEngine
from viewer.decode.open_scene import EngineSource
from viewer.decode.worker import DecodeWorker


@pytest.fixture
def rest() -> Rest:
    return Rest()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, rest: Rest) -> Iterator[DecodeWorker]:
    with watched_workers(monkeypatch, rest.tell):
        running = DecodeWorker()
    yield running
    assert running.stop()


def test_a_picture_carries_the_look_and_frame_that_were_asked_for(worker: DecodeWorker) -> None:
    worker.open(EngineSource([FakeEngine]))
    worker.request(wanted(40, 3))
    got = picture(worker)
    assert got.look.degrees()[0] == pytest.approx(40)
    assert got.frame == 3


def test_only_the_newest_request_is_decoded(worker: DecodeWorker) -> None:
    gate = threading.Semaphore(0)
    engine = FakeEngine(gate=gate)
    worker.open(EngineSource([lambda: engine]))
    worker.request(wanted(0))
    until(lambda: len(engine.requests) == 1)
    for yaw in range(1, 50):
        worker.request(wanted(yaw))
    gate.release(2)
    until(lambda: worker.report.decoded == 2)
    assert [round(look.degrees()[0]) for look, _ in engine.requests] == [0, 49]


def test_nothing_is_decoded_twice(worker: DecodeWorker, rest: Rest) -> None:
    engine = FakeEngine()
    worker.open(EngineSource([lambda: engine]))
    for yaw in (0, 0, 0, 20, 20):
        worker.request(wanted(yaw))
        until(lambda yaw=yaw: engine.requests and engine.requests[-1][0].degrees()[0] > yaw - 1)
    until(lambda: worker.report.decoded == 2)
    rest.wait()
    assert len(engine.requests) == 2


def test_a_whole_frame_is_decoded_once_per_frame_not_per_look(
    worker: DecodeWorker, rest: Rest
) -> None:
    engine = FakeEngine((64, 128), full_frame=True)
    worker.open(EngineSource([lambda: engine], background=FakeEngine))
    worker.request(wanted(0, 0))
    until(lambda: worker.report.decoded == 1)
    for yaw in range(0, 180, 10):
        worker.request(wanted(yaw, 0))
    worker.request(wanted(90, 1))
    until(lambda: worker.report.decoded == 2)
    rest.wait()
    assert [frame for _, frame in engine.requests] == [0, 1]
    with worker.results() as results:
        assert not results.backgrounds


def test_errors_are_data_and_the_next_view_is_tried(worker: DecodeWorker) -> None:
    worker.open(EngineSource([lambda: FakeEngine(frames=5)]))
    worker.request(wanted(0, 7))
    until(lambda: worker.report.error)
    assert worker.report.error == "Frame 7 cannot be decoded: there is no frame 7"
    worker.request(wanted(0, 4))
    assert picture(worker).frame == 4


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


def test_a_picture_in_use_is_not_overwritten(worker: DecodeWorker, rest: Rest) -> None:
    engine = FakeEngine(ring=2, frames=1000)
    worker.open(EngineSource([lambda: engine]))
    worker.request(wanted())
    until(lambda: worker.report.decoded == 1)
    with worker.results() as results:
        assert results.pictures
        for frame in range(1, 20):
            worker.request(wanted(0, frame))
            rest.wait()
        assert worker.report.decoded == 2
    until(lambda: engine.requests[-1][1] == 19)


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


def test_another_source_replaces_the_first(worker: DecodeWorker) -> None:
    worker.open(EngineSource([lambda: FakeEngine((40, 60))]))
    worker.request(wanted())
    assert picture(worker).pixels.shape[:2] == (40, 60)
    worker.open(EngineSource([lambda: FakeEngine((50, 70))]))
    worker.request(wanted())
    assert picture(worker).pixels.shape[:2] == (50, 70)


def test_stopping_does_not_wait_for_work_that_never_came() -> None:
    worker = DecodeWorker()
    assert worker.stop()
    idle = DecodeWorker()
    idle.open(EngineSource([FakeEngine]))
    assert idle.stop()


def test_two_sides_are_decoded_in_turn_and_appear_together(worker: DecodeWorker) -> None:
    order: list[str] = []

    def make(name: str, full_frame: bool) -> FakeEngine:
        def note(_: int) -> None:
            order.append(name)

        return FakeEngine(name=name, full_frame=full_frame, frames=50, failure=note)

    worker.open(
        EngineSource([lambda: make("left", False)]), EngineSource([lambda: make("right", True)])
    )
    for frame in range(12):
        worker.request(wanted(3.0 * frame, frame))
        frames = {side: picture.frame for side, picture in pictures(worker).items()}
        assert frames == {0: frame, 1: frame}
    assert order == ["left", "right"] * 12
    assert [report.decoded for report in worker.reports] == [12, 12]
    worker.request(wanted(90, 11))
    until(lambda: worker.reports[0].decoded == 13)
    assert order[-1] == "left", "the whole frame serves every look at it"


def test_a_side_that_fails_leaves_the_other(worker: DecodeWorker) -> None:
    broken = FakeEngine(failure=lambda _: RuntimeError("out of memory"))
    worker.open(EngineSource([FakeEngine]), EngineSource([lambda: broken]))
    worker.request(wanted())
    assert picture(worker).frame == 0
    until(lambda: worker.reports[1].error)
    assert worker.reports[1].engine is None
    assert worker.reports[0].error is None
    worker.request(wanted(50))
    assert picture(worker).look.degrees()[0] == pytest.approx(50)


def test_a_source_in_use_goes_on_beside_another(worker: DecodeWorker) -> None:
    made: list[str] = []

    def make(name: str) -> EngineSource:
        def maker() -> FakeEngine:
            made.append(name)
            return FakeEngine(name=name)

        return EngineSource([maker])

    left, right = make("left"), make("right")
    for sources in ((left,), (left, right), (left,)):
        worker.open(*sources)
        worker.request(wanted())
        assert pictures(worker)
    assert made == ["left", "right"]


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


def test_a_picture_is_shown_when_it_is_ready_and_not_before(worker: DecodeWorker) -> None:
    gate, waiting = threading.Event(), threading.Event()

    class Event:
        def synchronize(self) -> None:
            waiting.set()
            assert gate.wait(60)

    engine = FakeEngine()
    plain = engine.decode

    def decode(look: Look, frame: int) -> Picture:
        return replace(plain(look, frame), ready=Event())  # type: ignore[arg-type]

    engine.decode = decode  # type: ignore[method-assign]
    worker.open(EngineSource([lambda: engine]))
    worker.request(wanted())
    assert waiting.wait(60)
    with worker.results() as results:
        assert not results.pictures
    gate.set()
    assert picture(worker).frame == 0


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
    engine.decode = lambda look, frame: replace(plain(look, frame), pixels=Pixels())  # type: ignore[assignment, arg-type, method-assign]
    worker.open(EngineSource([lambda: engine, FakeEngine]))
    worker.request(wanted())
    assert picture(worker).frame == 0
    assert worker.report.error == (
        "Frame 0 cannot be decoded: there is not enough memory on the device"
    )


def test_a_report_does_not_change_once_it_is_read(worker: DecodeWorker) -> None:
    gate = threading.Semaphore(0)

    def slowly() -> FakeEngine:
        gate.acquire()
        return FakeEngine(name="compiled", delay=0.001)

    worker.open(EngineSource([lambda: FakeEngine(name="eager")], upgrade=slowly))
    worker.request(wanted())
    assert picture(worker).frame == 0
    report = worker.report
    times = list(report.times)
    assert times
    gate.release()
    until(lambda: worker.report.engine is not None and worker.report.engine.name == "compiled")
    assert list(report.times) == times, "as the overlay read it"
    assert report.engine is not None
    assert report.engine.name == "eager"


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


def test_an_engine_of_a_side_that_is_gone_is_gone_before_the_next_is_made(
    worker: DecodeWorker,
) -> None:
    made: list[weakref.ref[FakeEngine]] = []
    alive: list[bool] = []

    def right() -> FakeEngine:
        gc.collect()
        alive.append(any(engine() is not None for engine in made))
        engine = FakeEngine()
        made.append(weakref.ref(engine))
        return engine

    left = EngineSource([FakeEngine])
    for _ in range(3):
        worker.open(left, EngineSource([right]))
        worker.request(wanted())
        assert len(pictures(worker)) == 2
    assert alive == [False] * 3


def test_what_is_asked_of_one_scene_is_not_asked_of_the_next(worker: DecodeWorker) -> None:
    worker.open(EngineSource([lambda: FakeEngine(frames=9)]))
    worker.request(wanted(0, 8))
    assert picture(worker).frame == 8
    short = FakeEngine(frames=2)
    worker.open(EngineSource([lambda: short]))
    until(lambda: worker.report.engine)
    worker.request(wanted(0, 1))
    assert picture(worker).frame == 1
    assert [frame for _, frame in short.requests] == [1]
