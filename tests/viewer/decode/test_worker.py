"""The decoding thread: the newest request wins, and nothing is decoded for nobody."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from functools import partial

import pytest

from nerv360.decoding.engine import Picture
from nerv360.geometry import Look
from nerv360.viewer.decode.open_scene import EngineSource
from nerv360.viewer.decode.worker import DecodeWorker
from tests.support.decoding import Rest, picture, pictures, until, wanted
from tests.support.fake_engine import FakeEngine


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

    def turned(yaw: int) -> bool:
        return bool(engine.requests) and engine.requests[-1][0].degrees()[0] > yaw - 1

    for yaw in (0, 0, 0, 20, 20):
        worker.request(wanted(yaw))
        until(partial(turned, yaw))
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
