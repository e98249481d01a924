"""The page of a running training, served by a process that gives way to all others.

The training writes files and never waits for that process. `TrainingPage` writes them, and
`serve_training` reads them:

- ``scene.safetensors``: the network so far, as a scene.
- ``course.json``: loss and quality so far.
"""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from nerv360.files import partial_path
from nerv360.scene import Attribution, Scene, read_scene, write_coded
from nerv360.training import Allowance, StepReport, Trainer, export_so_far
from nerv360.viewer.decode import OpenScene
from nerv360.viewer.failures import describe
from nerv360.viewer.opening import DeviceChoice, prepare_scene
from nerv360.viewer.sharing.address import ADDRESS, Address
from nerv360.viewer.sharing.folder import export_clip
from nerv360.viewer.sharing.live import Live, live_description
from nerv360.viewer.sharing.server import WebServer
from nerv360.viewer.sharing.shared_decoding import SharedDecoding

log = logging.getLogger(__name__)

_SCENE, _COURSE = "scene.safetensors", "course.json"
_VISITORS = 8
_SCENE_SHARE = 0.02
_NICENESS = 14  # 4 % of a core that the training wants, too
_COURSE_S = 1.0
_LOOK_S = 0.3
_END_S = 10.0
_SMOOTHING = 0.05
_MOST_POINTS = 256


class Course:
    """Loss and quality of a training, as few points."""

    def __init__(self) -> None:
        """Begin without steps."""
        self._step = self._steps = 0
        self._smooth: float | None = None
        self._curves: dict[str, list[tuple[int, float]]] = {"loss": [], "psnr": [], "moving": []}
        self._every = 1

    def add(self, step: StepReport) -> None:
        """Add a step."""
        self._step, self._steps = step.step, step.steps
        before = step.loss if self._smooth is None else self._smooth
        self._smooth = before + _SMOOTHING * (step.loss - before)
        if step.step % self._every == 0:
            self._put("loss", self._smooth)
        for name, quality in (("psnr", step.psnr_db), ("moving", step.moving_db)):
            curve = self._curves[name]
            if quality is not None and (not curve or curve[-1][1] != round(quality, 5)):
                self._put(name, quality)

    def _put(self, name: str, value: float) -> None:
        curve = self._curves[name]
        curve.append((self._step, round(value, 5)))
        if len(curve) > _MOST_POINTS:
            del curve[1::2]
            self._every *= 2 if name == "loss" else 1

    def packed(self) -> bytes:
        """Return it as JSON: steps taken, steps of the whole, and the points of each curve."""
        return json.dumps({"step": self._step, "steps": self._steps, **self._curves}).encode()


class TrainingPage:
    """Page that shows a training while it runs.

    Attributes:
        address: of the page.
    """

    def __init__(self, port: int, attribution: Attribution) -> None:
        """Start to serve.

        Args:
            port: of the address; 0 for any free one.
            attribution: of the clip.

        Raises:
            InputError: the port is taken.
        """
        self.address = Address(ADDRESS, port)
        self._attribution = attribution
        self._parent = tempfile.TemporaryDirectory(prefix="nerv360-")
        self._folder = Path(self._parent.name)
        self._course, self._course_at = Course(), 0.0
        self._allowance = Allowance(share=_SCENE_SHARE)
        context = multiprocessing.get_context("spawn")
        ends, self._goes_on = context.Pipe(duplex=False)
        given = self.address, self._folder, ends
        process = context.Process(target=serve_training, args=given, daemon=True)
        process.start()
        self._process: BaseProcess | None = process
        ends.close()
        self.address.socket.close()

    def after_step(self, trainer: Trainer, step: StepReport) -> None:
        """Show a step: at once in the curves, and the network as often as it takes little time."""
        if self._process is None:
            return
        try:
            if not self._process.is_alive():
                raise ChildProcessError("its process has ended")
            self._course.add(step)
            now = time.monotonic()
            if now - self._course_at >= _COURSE_S:
                self._course_at = now
                partial = partial_path(self._folder / _COURSE)
                partial.write_bytes(self._course.packed())
                partial.replace(self._folder / _COURSE)
            if self._allowance.allows():
                write_coded(self._folder / _SCENE, export_so_far(trainer, self._attribution))
                self._allowance.spend(time.monotonic() - now)
        except Exception as error:
            log.warning("the page is closed, the training goes on: %s", describe(error))
            self.close()

    def close(self) -> None:
        """Stop serving."""
        process, self._process = self._process, None
        if process is None:
            return
        self._goes_on.close()
        process.join(_END_S)
        if process.is_alive():
            process.kill()
            process.join()
        self._parent.cleanup()


def serve_training(address: Address, folder: Path, ends: Connection) -> None:
    """Serve the page of the training that writes to ``folder``, until ``ends`` is closed.

    Pictures are decoded on the CPU: none of a GPU's memory or time is taken from the training.
    """
    for name in ("SIGINT", "SIGHUP"):  # the training decides when it ends
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    written = _Written(folder / _SCENE)
    while not written.changed():
        if _ended(ends):
            return
    scene, page = read_scene(written.path), folder / "page"
    opened = _prepared(scene, written.path)
    live = live_description(scene, secrets.token_hex(8), "here", False)
    export_clip(opened, page, live, still=scene.still)
    # Threads that begin from here on give way; before, it would take minutes.
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(_NICENESS)
    with ExitStack() as stack:
        decoding = SharedDecoding(opened)
        stack.callback(decoding.stop, _END_S)
        shown = Live(decoding, live["scene"], _VISITORS)
        server = stack.enter_context(WebServer(page, address, shown))
        given = folder, written, ends, shown, server.shutdown
        watching = threading.Thread(target=_watch, args=given)
        watching.start()
        server.serve_forever()
    os._exit(0)


def _watch(
    folder: Path, scene: _Written, ends: Connection, live: Live, end: Callable[[], None]
) -> None:
    """Show what the training writes, until it ends."""
    course = _Written(folder / _COURSE)
    numbers = itertools.count(1)
    while not _ended(ends):
        try:
            if course.changed():
                live.tell(course=json.loads((folder / _COURSE).read_bytes()))
            if scene.changed():
                live.decoding.replace(_prepared(read_scene(scene.path), scene.path))
                live.tell(renewed=next(numbers))
        except Exception as error:
            log.warning("the newest of the training is not shown: %s", describe(error))
    end()


def _prepared(scene: Scene, path: Path) -> OpenScene:
    return prepare_scene(scene, path, DeviceChoice("cpu"))


def _ended(ends: Connection) -> bool:
    """Wait a moment; return whether the training has ended."""
    return ends.poll(_LOOK_S)


class _Written:
    """A file that another process replaces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None

    def changed(self) -> bool:
        """Return whether it is there, and has been replaced since the last call."""
        try:
            state = self.path.stat()
        except OSError:
            return False
        before, self._seen = self._seen, (state.st_mtime_ns, state.st_ino)
        return self._seen != before
