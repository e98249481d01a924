"""The player's thread: finds sound, opens a device, follows the playback, and does without."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.sound import RATE, clip_sound
from nerv360.video import open_clip
from nerv360.viewer.sound import Player, Schedule
from nerv360.viewer.sound import player as player_module
from nerv360.viewer.sound.device import AnyDevice, NoDeviceError, Take
from tests.support.sounds import sounding_clip, tone

PERIOD = 960


class HandDevice:
    """A device that takes samples when a test says so."""

    name, latency_s, buffer_s = "a hand", 0.0, 60.0

    def __init__(self, take: Take) -> None:
        self._take = take
        self.closed = False

    def loudest(self) -> float:
        return float(np.abs(self._take(PERIOD)).max())

    def close(self) -> None:
        self.closed = True


class Setup:
    def __init__(self) -> None:
        self.devices: list[HandDevice] = []
        self.player = Player(make_device=self.make)

    def make(self, take: Take) -> AnyDevice:
        self.devices.append(HandDevice(take))
        return self.devices[-1]

    def follow(self, **changes: object) -> None:
        values = dict(seconds=0.5, playing=True, speed=1.0, loop=True, duration=2.0) | changes
        schedule = Schedule(time=time.perf_counter(), **values)  # type: ignore[arg-type]
        self.player.follow(schedule, Look())

    def until(self, condition: Callable[[], object], **changes: object) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not happen"
            self.follow(**changes)
            time.sleep(0.005)

    def hears(self) -> bool:
        return bool(self.devices) and self.devices[-1].loudest() > 0.1


@pytest.fixture
def setup() -> Setup:
    return Setup()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sounding_clip(tmp_path_factory.mktemp("clip") / "tone.mp4", tone(2.0))


def test_a_clip_is_heard_paused_and_left(setup: Setup, clip: Path) -> None:
    setup.player.open(lambda: clip_sound(open_clip(clip)))
    setup.until(setup.hears)
    setup.until(lambda: not setup.hears(), playing=False)
    setup.until(setup.hears, seconds=1.5)
    setup.until(lambda: not setup.hears(), speed=4.0)
    setup.until(setup.hears, speed=0.5)
    setup.player.muted = True
    setup.until(lambda: not setup.hears())
    setup.player.change_volume(1)
    setup.until(setup.hears)
    setup.player.open(None)
    setup.until(lambda: not setup.hears())
    setup.player.close()
    assert [device.closed for device in setup.devices] == [True]


def test_silent_scenes_need_no_thread_and_no_device(setup: Setup) -> None:
    setup.player.open(None)
    setup.follow()
    assert setup.player._thread is None
    setup.player.close()


def test_sound_that_cannot_be_played_is_one_sentence(setup: Setup) -> None:
    def refuse() -> None:
        raise InputError("the sound of a.mp4 is ambisonics of an unknown kind")

    setup.player.open(refuse)
    setup.until(lambda: setup.player.notice is not None)
    assert setup.player.notice == (
        "The sound of a.mp4 is ambisonics of an unknown kind: the clip goes on without sound."
    )
    assert not setup.devices
    setup.player.close()


def test_without_a_device_there_is_one_sentence(clip: Path) -> None:
    def refuse(take: Take) -> AnyDevice:
        raise NoDeviceError("failed to init device")

    setup = Setup()
    setup.player = Player(make_device=refuse)
    setup.player.open(lambda: clip_sound(open_clip(clip)))
    setup.until(lambda: setup.player.notice is not None)
    assert setup.player.notice == (
        "No sound device can be used (failed to init device): the clip goes on without sound."
    )
    setup.player.notice = None
    setup.follow()
    setup.player.close()
    assert setup.player.notice is None


def test_a_device_that_goes_away_is_one_sentence(
    setup: Setup, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player_module, "_SILENT_DEVICE_S", 0.2)
    setup.player.open(lambda: clip_sound(open_clip(clip)))
    setup.until(lambda: setup.player.notice is not None)
    assert setup.player.notice == (
        "The sound device has gone away: the clip goes on without sound."
    )
    assert [device.closed for device in setup.devices] == [True, True], "it was tried once more"
    setup.player.open(lambda: clip_sound(open_clip(clip)))
    setup.until(lambda: len(setup.devices) == 3)
    setup.player.close()


def test_an_interrupted_device_is_opened_anew(setup: Setup, clip: Path) -> None:
    setup.player.open(lambda: clip_sound(open_clip(clip)))
    setup.until(setup.hears)
    setup.player.outlet.taken_at -= 60
    setup.until(lambda: len(setup.devices) == 2)
    setup.until(setup.hears)
    assert setup.player.notice is None
    setup.player.close()


def test_after_an_unexpected_error_the_next_clip_is_heard(setup: Setup, clip: Path) -> None:
    def fail() -> None:
        raise RuntimeError("out of luck")

    setup.player.open(fail)
    setup.until(lambda: setup.player.notice is not None)
    assert (setup.player.notice or "").startswith("The clip goes on without sound: ")
    setup.player.open(lambda: clip_sound(open_clip(clip)))
    setup.until(setup.hears)
    setup.player.close()


def test_nothing_is_left_of_the_clip_before(setup: Setup, clip: Path) -> None:
    setup.player.open(lambda: clip_sound(open_clip(clip)))
    setup.until(setup.hears)
    setup.player.open(lambda: None)
    setup.devices[0].loudest()  # it fades out
    setup.until(lambda: setup.player._ready == setup.player._opened)
    setup.follow()
    assert setup.devices[0].loudest() == 0
    setup.player.close()


def test_it_follows_jumps(setup: Setup, tmp_path: Path) -> None:
    samples: npt.NDArray[np.float32] = tone(4.0)
    samples[: 2 * RATE] = 0
    path = sounding_clip(tmp_path / "late.mp4", samples)
    setup.player.open(lambda: clip_sound(open_clip(path)))
    setup.until(setup.hears, seconds=3.0, duration=4.0)
    setup.until(lambda: not setup.hears(), seconds=1.0, duration=4.0)
    setup.until(setup.hears, seconds=2.5, duration=4.0)
    setup.player.close()


def test_volume_stays_in_its_range(setup: Setup) -> None:
    for _ in range(20):
        setup.player.change_volume(-1)
    assert setup.player.volume == 0.0
    for _ in range(20):
        setup.player.change_volume(1)
    assert setup.player.volume == 1.0
