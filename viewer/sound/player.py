"""Plays the open clip's sound on a thread of its own, in time with the playback."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.sound import FASTEST, RATE, SLOWEST, ear_gains
from nerv360.viewer import process_end
from nerv360.viewer.failures import describe
from nerv360.viewer.sound.device import AnyDevice, Device, NoDeviceError, Take
from nerv360.viewer.sound.outlet import Outlet
from nerv360.viewer.sound.schedule import Schedule

if TYPE_CHECKING:
    from nerv360.sound import SoundTrack
    from nerv360.viewer.sound.source import Source

log = logging.getLogger(__name__)

FindTrack = Callable[[], "SoundTrack | None"]
"""Finds the sound of a clip; may block, and raises InputError if it cannot be played."""

VOLUME_STEP = 0.1
_THREAD = "sound"
_TURN_S = 0.01
_RESTING_S = 0.05
_AHEAD_S = 0.4
_EARLY_S = 0.1
_SILENT_DEVICE_S = 3.0
_PATIENCE_S = 1.0


def _playing() -> bool:
    return any(thread.name == _THREAD for thread in threading.enumerate())


process_end.watch(_playing)


class Player:
    """Sound of the open clip; used from the main thread, which it never holds up.

    Attributes:
        volume: 0 to 1.
        muted: nothing is heard, whatever the volume.
        notice: a sentence for the user, once something has gone wrong, until it is set to None.
        outlet: what the device takes its samples from.
    """

    def __init__(
        self,
        volume: float = 1.0,
        muted: bool = False,
        make_device: Callable[[Take], AnyDevice] = Device,
    ) -> None:
        """Begin without sound and without a thread.

        Args:
            volume, muted: see above.
            make_device: opens a device that takes samples; by default the machine's own.
        """
        self.volume = volume
        self.muted = muted
        self.notice: str | None = None
        self.outlet = Outlet()
        self._make_device = make_device
        self._find: FindTrack | None = None
        self._opened = self._ready = 0
        self._source: Source | None = None
        self._device: AnyDevice | None = None
        self._device_wanted, self._retried = True, False
        self._run: tuple[float, bool, float] | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, find: FindTrack | None) -> None:
        """Play another clip's sound from now on; None if it has none."""
        self._find = find
        self._opened += 1
        self.outlet.schedule = None
        self._wake.set()

    def follow(self, schedule: Schedule, look: Look) -> None:
        """Play what is due by ``schedule``, as it is heard at ``look``.

        The first call with a clip that may have sound starts the thread.
        """
        outlet = self.outlet
        outlet.volume = 0.0 if self.muted else self.volume**2
        outlet.gains = ear_gains(look)
        audible = self._ready == self._opened and SLOWEST <= schedule.speed <= FASTEST
        outlet.schedule = schedule if audible else None
        if self._find is not None and self._thread is None:
            self._thread = threading.Thread(target=self._work, name=_THREAD, daemon=True)
            self._thread.start()

    def change_volume(self, steps: int) -> None:
        """Make it louder (positive) or quieter, and heard."""
        self.volume = min(max(round(self.volume + steps * VOLUME_STEP, 2), 0.0), 1.0)
        self.muted = False

    def close(self) -> None:
        """End the thread; call it once."""
        thread, self._find = self._thread, None
        self._stop.set()
        self._wake.set()
        if thread is not None:
            thread.join(_PATIENCE_S)

    def _work(self) -> None:
        """Play until the end; whatever goes wrong, this clip goes on without sound."""
        try:
            while not self._stop.is_set():
                if self._ready != self._opened:
                    self._change_source()
                if self._source is not None and self._device is None and self._device_wanted:
                    self._open_device()
                if self._source is not None and self._device is not None:
                    self._feed(self._source)
                    self._check_device()
                schedule = self.outlet.schedule
                plays = schedule is not None and schedule.playing
                self._wake.wait(_TURN_S if plays else _RESTING_S)
                self._wake.clear()
        except Exception as error:
            log.exception("the sound has failed")
            self._find = None  # the next clip starts another thread
            self.notice = f"The clip goes on without sound: {describe(error)}."
        finally:
            self._close_parts()
            self._thread = None

    def _change_source(self) -> None:
        opened, find = self._opened, self._find
        if self._source is not None:
            self._source.close()
            self._source = None
        if find is not None:
            from nerv360.viewer.sound.source import Source

            try:
                track = find()
                self._source = None if track is None else Source(track)
            except InputError as error:
                self._say(str(error))
        self._run = None
        self.outlet.run += 1  # what is left of the clip before is not heard
        self._device_wanted, self._retried = True, False
        self._ready = opened

    def _open_device(self) -> None:
        self._device_wanted = False
        self.outlet.renew()
        try:
            self._device = self._make_device(self.outlet.take)
        except (NoDeviceError, ImportError, OSError) as error:
            self._say(f"no sound device can be used ({error})")
            return
        self.outlet.latency_s = self._device.latency_s
        self.outlet.buffer_s = self._device.buffer_s
        self.outlet.taken_at = time.perf_counter()
        log.info("sound is played by %s", self._device.name)

    def _check_device(self) -> None:
        """Give up a device that takes no more samples, once opening it again has not helped.

        A program or a sound server that was suspended may have interrupted it.
        """
        silent_s = time.perf_counter() - self.outlet.taken_at
        if self._device is not None and silent_s > _SILENT_DEVICE_S:
            self._device.close()
            self._device = None
            if self._retried:
                self._say("the sound device has gone away")
            else:
                self._device_wanted = self._retried = True

    def _feed(self, source: Source) -> None:
        """Keep enough of what is due in the outlet."""
        outlet, schedule = self.outlet, self.outlet.schedule
        if schedule is None or not schedule.playing:
            return
        now = time.perf_counter()
        due, front = schedule.at(now + outlet.latency_s), outlet.front()
        run = schedule.speed, schedule.loop, schedule.duration
        strays = front is None
        if front is not None:
            late = schedule.ahead(due, front) / schedule.speed
            strays = not -_EARLY_S <= late <= outlet.queued / RATE
        if strays or run != self._run:
            self._run = run
            outlet.run += 1
            source.begin(outlet.run, schedule, due)
        while outlet.queued < _AHEAD_S * RATE and not self._stop.is_set():
            outlet.put(source.piece())

    def _close_parts(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None
        if self._source is not None:
            self._source.close()
            self._source = None

    def _say(self, clause: str) -> None:
        log.warning("%s: the clip goes on without sound", clause)
        self.notice = f"{clause[0].upper()}{clause[1:]}: the clip goes on without sound."
