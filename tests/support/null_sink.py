"""A sound server without a device, whose output is recorded: PulseAudio's null sink."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support.sounds import RATE

PROGRAMS = ("pulseaudio", "parec", "pactl")


def missing_programs() -> list[str]:
    """Return the programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class NullSink:
    """A server of one's own, with a sink that nobody hears.

    Attributes:
        environment: variables by which programs find it.
        process: the server's.
    """

    def __init__(self, folder: Path) -> None:
        """Start the server with its files in ``folder``; wait until it answers."""
        socket = folder / "pulse.socket"
        self.environment = {
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_COOKIE": str(folder / "cookie"),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_STATE_PATH": str(folder),
        }
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        for module in (
            "module-null-sink sink_name=nobody rate=48000 channels=2",
            f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
        ):
            command += ["-L", module]
        environment = {**os.environ, **self.environment, "HOME": str(folder)}
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while self._ask("info") != 0:
            assert time.monotonic() < deadline, "PulseAudio does not answer"
            time.sleep(0.1)

    def _ask(self, *arguments: str) -> int:
        return subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=20,
        ).returncode

    def close(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(20)

    @contextlib.contextmanager
    def recorded(self) -> Iterator[Recording]:
        """Record what the sink plays."""
        recording = Recording(self)
        try:
            yield recording
        finally:
            recording.stop()


class Recording:
    """A recording of a sink, with times."""

    def __init__(self, sink: NullSink) -> None:
        self._process = subprocess.Popen(
            [
                "parec", "--device=nobody.monitor", f"--rate={RATE}", "--channels=2",
                "--format=float32le", "--latency-msec=5", "--raw",
            ],
            env={**os.environ, **sink.environment},
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self._parts: list[bytes] = []
        self._zero = float("inf")
        self._count = 0
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        while not self._count:
            time.sleep(0.01)

    def _read(self) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while part := os.read(descriptor, 1 << 16):
            now = time.perf_counter()
            self._parts.append(part)
            self._count += len(part)
            # The chunk that came with the least delay tells when the first sample was played.
            self._zero = min(self._zero, now - self._count / 8 / RATE)

    def stop(self) -> None:
        """End the recording."""
        self._process.terminate()
        self._thread.join(20)
        self._process.wait(20)

    def samples(self) -> tuple[float, npt.NDArray[np.float32]]:
        """Return the time of the first sample, by `time.perf_counter`, and all, samples×2."""
        data = b"".join(self._parts)
        return self._zero, np.frombuffer(data[: len(data) // 8 * 8], np.float32).reshape(-1, 2)

    def clicks(self) -> npt.NDArray[np.float64]:
        """Return the times at which clicks begin."""
        zero, samples = self.samples()
        loud = np.flatnonzero(np.abs(samples).max(1) > 0.2)
        return zero + loud[np.diff(loud, prepend=-RATE) > RATE // 20] / RATE
