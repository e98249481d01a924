"""The machine's default sound device, through miniaudio."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nerv360.sound import RATE

_PERIOD_MS = 20
_PERIODS = 3
_LATENCY_S = 0.0
"""Unknown: with none, clicks at PulseAudio's monitor were nearest to the flashes on screen."""

Take = Callable[[int], npt.NDArray[np.float32]]


class AnyDevice(Protocol):
    """Something that takes samples at its own pace.

    Attributes:
        name: for the log.
        latency_s: seconds from taking samples to hearing them, as far as it is known.
        buffer_s: length of its buffer.
    """

    name: str
    latency_s: float
    buffer_s: float

    def close(self) -> None:
        """Stop playing."""
        ...


class NoDeviceError(Exception):
    """There is no sound device, or it cannot be used."""


class Device:
    """The default device, as `AnyDevice`; it plays until it is closed."""

    def __init__(self, take: Take) -> None:
        """Open the default device; its own thread calls ``take`` for samples, count×2.

        Raises:
            NoDeviceError: there is none, or it cannot be used.
        """
        # The first picture does not wait for it.
        import miniaudio

        # JACK and ALSA print many lines if there is no server or no card.
        left_out = {"NULL", "CUSTOM", "JACK"}
        if not Path("/dev/snd").exists():
            left_out.add("ALSA")
        real = [each for each in miniaudio.Backend if each.name not in left_out]
        try:
            self._device = miniaudio.PlaybackDevice(
                miniaudio.SampleFormat.FLOAT32,
                nchannels=2,
                sample_rate=RATE,
                buffersize_msec=_PERIOD_MS,
                callback_periods=_PERIODS,
                backends=real,
                app_name="NeRV360",
            )
            self.name: str = self._device.backend
            self.latency_s, self.buffer_s = _LATENCY_S, _PERIOD_MS * _PERIODS / 1000
            generator = _samples(take)
            next(generator)
            self._device.start(generator)
        except miniaudio.MiniaudioError as error:
            reason = str(error.args[0] if error.args else error)
            raise NoDeviceError(reason) from error

    def close(self) -> None:
        """Stop playing."""
        self._device.close()


def _samples(take: Take) -> Generator[bytes | npt.NDArray[np.float32], int, None]:
    count = yield b""
    while True:
        count = yield take(count)
