"""Several visitors share one engine: turns, newest asks, pace, and an engine that fails."""

from __future__ import annotations

import gc
import queue
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.viewer.sharing import SharedDecoding
from nerv360.viewer.sharing.messages import Ask
from nerv360.viewer.sharing.pace import Pace
from tests.support.fake_engine import FakeEngine
from tests.support.serving import shared_decoding
from tests.support.sphere_scene import FRAMES, sphere_scene

PATIENCE_S = 60.0


def ask(number: int, frame: int = 0, decoder: str = "one", side: int = 0) -> Ask:
    return Ask(number, 0, decoder, Look(0.1 * number), frame, 480, side)


class Page:
    """A visitor that notes what it gets."""

    def __init__(self, decoding: SharedDecoding) -> None:
        self.got: queue.Queue[Any] = queue.Queue()
        self.decoding = decoding
        self.visitor = decoding.join(self.got.put)

    def ask(self, number: int, **given: Any) -> None:
        self.decoding.ask(self.visitor, ask(number, **given))

    def next(self) -> Any:
        return self.got.get(timeout=PATIENCE_S)


@pytest.fixture
def gate() -> threading.Semaphore:
    return threading.Semaphore(0)


@pytest.fixture
def engine(gate: threading.Semaphore) -> FakeEngine:
    return FakeEngine((90, 160), frames=FRAMES, gate=gate)


@pytest.fixture
def decoding(engine: FakeEngine, gate: threading.Semaphore) -> Iterator[SharedDecoding]:
    shared = SharedDecoding(sphere_scene(lambda: engine))
    yield shared
    for _ in range(100):
        gate.release()
    shared.stop()


def _begun(engine: FakeEngine) -> None:
    """Wait until a picture is being decoded."""
    for _ in range(1000):
        if engine.requests:
            break
        threading.Event().wait(0.005)


def test_each_has_its_turn_and_the_newest_ask_wins(
    decoding: SharedDecoding, engine: FakeEngine, gate: threading.Semaphore
) -> None:
    eager, modest = Page(decoding), Page(decoding)
    eager.ask(0)
    _begun(engine)
    for number in range(1, 40):  # while picture 0 is decoded
        eager.ask(number)
    modest.ask(7)
    gate.release(3)
    assert b'"id": 0' in eager.next()
    assert b'"id": 7' in modest.next()
    assert b'"id": 39' in eager.next()
    assert [round(look.yaw, 3) for look, _ in engine.requests] == [0.0, 0.7, 3.9]


def test_both_sides_of_a_comparison_share_the_turns_of_their_visitor(
    decoding: SharedDecoding, engine: FakeEngine, gate: threading.Semaphore
) -> None:
    compares, other = Page(decoding), Page(decoding)
    compares.ask(0)
    _begun(engine)
    for number in range(1, 6):  # while picture 0 is decoded
        compares.ask(number, side=number % 2)
    other.ask(20)
    gate.release(100)
    assert b'"id": 0' in compares.next()
    decoding.seen(compares.visitor, 1)
    assert b'"id": 20' in other.next()
    assert b'"id": 5' in compares.next()
    assert b'"id": 4' in compares.next()
    turns = [round(look.yaw, 3) for look, _ in engine.requests]
    assert turns == [0.0, 2.0, 0.5, 0.4], "the newest of each side, in the order of their first"


def test_a_visitor_that_does_not_read_takes_no_more_turns(
    decoding: SharedDecoding, engine: FakeEngine, gate: threading.Semaphore
) -> None:
    deaf, other = Page(decoding), Page(decoding)
    gate.release(100)
    for number in range(2):
        deaf.ask(number)
        deaf.next()
    deaf.ask(2)
    for number in range(10):
        other.ask(number)
        other.next()
        decoding.seen(other.visitor, number + 1)
    assert deaf.got.empty()
    assert decoding.stalled(deaf.visitor) > 0
    decoding.seen(deaf.visitor, 2)
    assert b'"id": 2' in deaf.next()


def test_a_visitor_that_has_left_is_forgotten(
    decoding: SharedDecoding, engine: FakeEngine, gate: threading.Semaphore
) -> None:
    gone, stays = Page(decoding), Page(decoding)
    gone.ask(1)
    decoding.leave(gone.visitor)
    gate.release(5)
    stays.ask(2)
    assert b'"id": 2' in stays.next()
    assert decoding.visitors == 1


def test_what_the_scene_does_not_have_is_refused(decoding: SharedDecoding) -> None:
    page = Page(decoding)
    with pytest.raises(KeyError):
        page.ask(1, decoder="three")
    with pytest.raises(IndexError):
        page.ask(1, frame=FRAMES)


def test_a_failing_engine_gives_way_to_the_next() -> None:
    def fails(frame: int) -> Exception | None:
        return RuntimeError("out of memory") if frame == 1 else None

    broken = partial(FakeEngine, (90, 160), frames=FRAMES, failure=fails)
    with shared_decoding(
        sphere_scene(broken, partial(FakeEngine, (90, 160), frames=FRAMES))
    ) as decoding:
        page = Page(decoding)
        page.ask(1, frame=1)
        assert b'"frame": 1' in page.next()

    with shared_decoding(sphere_scene(broken)) as decoding:
        page = Page(decoding)
        page.ask(1, frame=1)
        failed = page.next()
        assert (failed.ask.id, failed.ended) == (1, True)
        assert "out of memory" in failed.sentence
        page.ask(2, frame=0)
        assert "out of memory" in page.next().sentence, (
            "an engine that has failed is not opened again"
        )


def test_a_damaged_frame_does_not_end_the_decoding() -> None:
    def fails(frame: int) -> Exception | None:
        return InputError("it is damaged") if frame == 1 else None

    with shared_decoding(
        sphere_scene(partial(FakeEngine, (90, 160), frames=FRAMES, failure=fails))
    ) as decoding:
        page = Page(decoding)
        page.ask(1, frame=1)
        failed = page.next()
        assert (failed.ask.id, failed.ended) == (1, False)
        page.ask(2, frame=0)
        assert b'"id": 2' in page.next()


def test_a_whole_frame_is_decoded_once_and_cut_for_each_look() -> None:
    engine = FakeEngine((128, 256), frames=FRAMES, full_frame=True)
    with shared_decoding(sphere_scene(lambda: engine)) as decoding:
        page = Page(decoding)
        pictures = []
        for number, frame in enumerate([0, 0, 0, 1, 1]):
            page.ask(number, frame=frame)
            pictures.append(page.next())
            decoding.seen(page.visitor, number + 1)
        assert [frame for _, frame in engine.requests] == [0, 1]
        assert b'"look": [0.2, ' in pictures[2]
        assert len(set(pictures)) == 5


def test_decoders_that_nobody_looks_at_are_closed() -> None:
    made: list[FakeEngine] = []

    def make() -> FakeEngine:
        made.append(FakeEngine((90, 160), frames=FRAMES))
        return made[-1]

    with shared_decoding(sphere_scene(make)) as decoding:
        page = Page(decoding)
        for number, (decoder, count) in enumerate([("one", 1), ("one", 1), ("two", 2), ("one", 3)]):
            page.ask(number, decoder=decoder)
            page.next()
            decoding.seen(page.visitor, number + 1)
            assert len(made) == count
        other = Page(decoding)
        for number, (who, decoder) in enumerate([(other, "two"), (page, "one"), (other, "two")]):
            who.ask(number, decoder=decoder)
            who.next()
        assert len(made) == 4, "both are in use"
        decoding.leave(other.visitor)
        for number, side in enumerate([0, 1, 0, 1], 5):
            page.ask(number, decoder=("one", "two")[side], side=side)
            page.next()
            decoding.seen(page.visitor, number + 1)
        assert len(made) == 4, "a comparison uses both"


def test_the_end_frees_engines_and_pictures() -> None:
    made: list[weakref.ref[FakeEngine]] = []

    def make() -> FakeEngine:
        engine = FakeEngine((128, 256), frames=FRAMES, full_frame=True)
        made.append(weakref.ref(engine))
        return engine

    with shared_decoding(sphere_scene(make)) as decoding:
        page = Page(decoding)
        page.ask(1)
        page.next()
    gc.collect()
    assert [engine() for engine in made] == [None]


def arrive(pace: Pace, delay: float, rounds: int) -> int:
    """Return the most pictures on their way if each takes ``delay`` and the link is free."""
    now, number, most = 0.0, 0, 0
    flying: list[tuple[int, float]] = []
    for _ in range(rounds):
        while pace.open:
            number += 1
            pace.send(number, now)
            flying.append((number, now))
        most = max(most, len(flying))
        first, sent = flying.pop(0)
        now = max(now, sent + delay)
        pace.seen(first, now)
    return most


def test_a_long_free_link_is_filled() -> None:
    assert arrive(Pace(), 0.1, 200) == 8


def test_a_slow_link_gets_no_queue() -> None:
    """A link that carries 20 pictures a second, with 20 ms to go."""
    pace, now, number, free = Pace(), 0.0, 0, 0.0
    flying: list[tuple[int, float, float]] = []
    delays = []
    for _ in range(400):
        while pace.open:
            number += 1
            pace.send(number, now)
            free = max(free, now) + 0.05
            flying.append((number, now, free + 0.02))
        first, sent, arrives = flying.pop(0)
        now = max(now, arrives)
        delays.append(now - sent)
        pace.seen(first, now)
    assert max(delays[100:]) < 0.25
    assert number / now > 19, "and is always in use"
