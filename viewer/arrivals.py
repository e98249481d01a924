"""Files that have been read: they are shown as they come, or it is said why they cannot be."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from model.errors import InputError
from model.trajectories import Trajectory
from viewer import decode
from viewer.decode import Extension, OpenScene, Unreadable
from viewer.failures import describe
from viewer.loading import Loader
from viewer.panels import MessagePanel
from viewer.picture import Panes

if TYPE_CHECKING:
    from model.video import VideoIndex

log = logging.getLogger(__name__)

Content: TypeAlias = "OpenScene | Extension | Unreadable | Trajectory | VideoIndex"
"""Content of a file that is dropped, and what is made of it."""


class Parts(Protocol):
    """Parts of the application that files act on."""

    loader: Loader[Content]
    panes: Panes
    messages: MessagePanel

    def open(self, scene: OpenScene, decoder: str) -> None:
        """Show ``scene`` by ``decoder`` from its beginning."""
        ...

    def follow(self, trajectory: Trajectory) -> None:
        """Lead the look and the clip along ``trajectory``."""
        ...


class Arrivals:
    """Files that are dropped, and the rest of the scene that a run begins with.

    Attributes:
        unreadable: that scene, where it could not be read whole.
    """

    def __init__(self, app: Parts) -> None:
        self._app = app
        self._rest: tuple[Path, Callable[[Path], Content]] | None = None
        self.unreadable: Unreadable | None = None

    def read_on(self, path: Path, rest: Callable[[], Extension]) -> None:
        """Read whole by ``rest``, from the file at ``path``, the scene that is open and of which no
        more than its still panorama is known, once that has been shown.
        """
        seen = self._app.panes.scene

        def read(path: Path) -> Content:
            try:
                return rest()
            except Exception as error:
                return Unreadable(seen, error)

        self._rest = path, read

    def begin(self) -> None:
        """Something has been shown: read on now, if there is anything left to be read."""
        if self._rest is not None:
            self._app.loader.go_on(*self._rest)
            self._rest = None

    def take(self) -> None:
        """Show what has been read since the last time, or say why it cannot be."""
        for loaded in self._app.loader.take():
            try:
                self._show(loaded.result())
            except InputError as error:
                self._app.messages.refuse(str(error))
            except Exception as error:
                log.exception("a dropped file cannot be opened")
                self._app.messages.refuse(f"{loaded.name} cannot be opened: {describe(error)}")

    def remark(self, scene: OpenScene) -> None:
        """Say what there is to say of ``scene`` when it is opened."""
        if scene.remark is not None:
            log.info("%s", scene.remark)
            self._app.messages.notify(scene.remark)

    def _show(self, loaded: Content) -> None:
        if isinstance(loaded, Trajectory):
            self._app.follow(loaded)
        elif isinstance(loaded, OpenScene):
            self._app.open(loaded, loaded.decoders[0])
        elif isinstance(loaded, Extension):
            if loaded.scene is self._app.panes.scene:
                self._app.panes.extend(loaded.extended, loaded.decoders)
                self.remark(loaded.extended)
        elif isinstance(loaded, Unreadable):
            self._give_up(loaded)
        else:
            self._show_clip(loaded)

    def _give_up(self, unreadable: Unreadable) -> None:
        """Show nothing of a scene that cannot be read whole."""
        error, self.unreadable = unreadable.error, unreadable
        sentence = str(error)
        if not isinstance(error, InputError):
            log.error("the scene cannot be opened", exc_info=error)
            sentence = f"{unreadable.scene.title} cannot be opened: {describe(error)}"
        if self._app.panes.scene is unreadable.scene:
            self._app.panes.fail(sentence)
        else:
            self._app.messages.refuse(sentence)

    def _show_clip(self, clip: VideoIndex) -> None:
        """Show ``clip`` in place of another, or, once it has been compared, beside its scene."""
        scene = self._app.panes.scene
        if scene.sameness is None:
            alone = decode.prepare_clip(clip)
            self._app.open(alone, alone.decoders[0])
        else:
            self._app.loader.go_on(clip.path, lambda path: decode.extend_by_clip(scene, clip))
