"""A device takes the samples that are due, without clicks, whatever happens in between."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.geometry import Look
from nerv360.sound import RATE, ear_gains
from nerv360.viewer.sound import Schedule
from nerv360.viewer.sound.outlet import Outlet, Piece

PERIOD = 960
SCHEDULE = Schedule(0.0, 0.0, True, 1.0, False, 100.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """An outlet at which samples are taken in time; a sample's value is its time, in hundreds."""

    def __init__(self, channels: int = 2) -> None:
        self.clock = Clock()
        self.outlet = Outlet(self.clock)
        self.channels = channels

    def put(self, start: float, seconds: float, run: int = 0, speed: float = 1.0) -> None:
        times = start + np.arange(round(seconds * RATE)) / RATE * speed
        samples = np.repeat((times / 100)[:, None], self.channels, 1).astype(np.float32)
        for at in range(0, len(samples), PERIOD):
            part = samples[at : at + PERIOD]
            self.outlet.put(Piece(part, float(times[at]), speed, run))

    def take(self, seconds: float, delay: float = 0.0) -> npt.NDArray[np.float32]:
        parts = []
        for _ in range(round(seconds * RATE / PERIOD)):
            self.clock.now += delay
            parts.append(self.outlet.take(PERIOD)[:, 0])
            self.clock.now += PERIOD / RATE - delay
        return np.concatenate(parts)


def test_what_is_due_is_heard_whenever_it_comes() -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    assert not bench.take(1.0).any()
    bench.put(0.9, 2.0)
    heard = bench.take(1.0) * 100
    assert heard[RATE // 2] == pytest.approx(1.5, abs=0.001)
    assert heard[-1] == pytest.approx(2.0, abs=0.001)


def test_latency_is_made_up_for() -> None:
    bench = Bench()
    bench.outlet.schedule, bench.outlet.latency_s = SCHEDULE, 0.25
    bench.put(0.0, 2.0)
    assert bench.take(0.5)[-1] * 100 == pytest.approx(0.75, abs=0.001)


def test_a_device_that_asks_late_does_not_move_the_sound() -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    bench.put(0.0, 3.0)
    bench.take(1.0)
    heard = np.concatenate([bench.take(PERIOD / RATE, delay) for delay in (0, 0.015, 0.003, 0.018)])
    assert np.diff(heard) * 100 * RATE == pytest.approx(1.0, abs=0.1)


def test_a_jump_ends_what_is_heard_and_begins_again() -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    bench.put(0.0, 5.0)
    bench.take(1.0)
    bench.outlet.schedule = Schedule(50.0, 1.0, True, 1.0, False, 100.0)
    heard = bench.take(0.1)
    assert np.abs(np.diff(heard)).max() < 0.001
    assert not heard[PERIOD:].any()
    bench.outlet.run = 1
    bench.put(50.0, 2.0, run=1)
    heard = bench.take(0.5)
    assert np.abs(np.diff(heard)).max() < 0.01
    assert heard[-1] * 100 == pytest.approx(50.6, abs=0.001)


def test_pause_fades_out_and_goes_on_at_the_same_place() -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    bench.put(0.0, 5.0)
    bench.take(1.0)
    bench.outlet.schedule = Schedule(1.0, 1.0, False, 1.0, False, 100.0)
    heard = bench.take(1.0)
    assert np.abs(np.diff(heard)).max() < 0.001
    assert not heard[PERIOD:].any()
    bench.outlet.schedule = Schedule(1.0, 2.0, True, 1.0, False, 100.0)
    assert bench.take(0.5)[-1] * 100 == pytest.approx(1.5, abs=0.001)


def test_a_device_opened_anew_is_heard_at_once() -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    bench.put(0.0, 6.0)
    bench.take(1.0)
    bench.clock.now += 3.0
    bench.outlet.renew()
    bench.outlet.taken_at = bench.clock.now
    heard = bench.take(0.2)
    assert heard[-1] * 100 == pytest.approx(4.2, abs=0.001)


@pytest.mark.parametrize("seconds", [0.02, 0.04])
def test_sound_that_is_left_before_it_is_due_is_not_heard(seconds: float) -> None:
    bench = Bench()
    bench.outlet.schedule = Schedule(50.0, 0.0, True, 1.0, False, 100.0)
    bench.put(50.04, 1.0)
    assert not bench.take(seconds).any()
    bench.outlet.schedule = None
    assert not bench.take(0.1).any()


@pytest.mark.parametrize("drift", [-0.05, 0.05])
def test_slow_drift_is_corrected(drift: float) -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    bench.put(0.0, 6.0)
    bench.take(1.0)
    bench.outlet.schedule = Schedule(1.0 + drift, 1.0, True, 1.0, False, 100.0)
    heard = bench.take(1.0)
    assert heard[-1] * 100 == pytest.approx(2.0 + drift, abs=0.001)
    assert np.abs(np.diff(heard)).max() < 0.001


def test_running_dry_does_not_click_and_is_made_up_for() -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    bench.put(0.0, 0.5)
    heard = bench.take(1.0)
    assert np.abs(np.diff(heard)).max() < 0.001
    bench.put(0.5, 2.0)
    assert bench.take(0.5)[-1] * 100 == pytest.approx(1.5, abs=0.001)
    assert bench.outlet.queued == RATE


def test_a_loop_goes_round() -> None:
    bench = Bench()
    bench.outlet.schedule = Schedule(0.5, 0.0, True, 1.0, True, 2.0)
    bench.put(0.5, 1.5)
    bench.put(0.0, 1.5)
    heard = bench.take(2.5) * 100
    assert heard[RATE] == pytest.approx(1.5, abs=0.001)
    assert heard[-1] == pytest.approx(1.0, abs=0.001)


def test_speed_counts_in_what_is_due() -> None:
    bench = Bench()
    bench.outlet.schedule = Schedule(10.0, 0.0, True, 2.0, False, 100.0)
    bench.put(9.0, 3.0, speed=2.0)
    assert bench.take(1.0)[-1] * 100 == pytest.approx(12.0, abs=0.001)


def test_volume_changes_without_a_step() -> None:
    bench = Bench()
    bench.outlet.schedule = SCHEDULE
    bench.put(0.0, 5.0)
    before = bench.take(1.0)
    bench.outlet.volume = 0.0
    heard = np.concatenate([before, bench.take(0.5)])
    assert np.abs(np.diff(heard)).max() < 0.001
    assert not heard[RATE + PERIOD :].any()


def test_ambisonics_turn_with_the_look() -> None:
    clock = Clock()
    outlet = Outlet(clock)
    outlet.schedule = SCHEDULE
    right = np.tile(np.array([[0.5, -0.5, 0, 0]], np.float32), (RATE, 1))
    outlet.put(Piece(right, 0.0, 1.0, 0))
    for look, louder in ((Look(), 1), (Look(math.pi), 0)):
        outlet.gains = ear_gains(look)
        for _ in range(5):
            heard = outlet.take(PERIOD)
            clock.now += PERIOD / RATE
        assert heard[-1, louder] > 10 * abs(heard[-1, 1 - louder])
