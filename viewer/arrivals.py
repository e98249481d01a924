"""Shows files when they have been read, or says why they cannot be shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from nerv360.errors import InputError
from nerv360.trajectories import Trajectory
from nerv360.viewer import decode
from nerv360.viewer.decode import Extension, OpenScene, Unreadable
from nerv360.viewer.failures import describe
from nerv360.viewer.loading import Loader
from nerv360.viewer.panels import MessagePanel
from nerv360.viewer.picture import Panes

if TYPE_CHECKING:
    from nerv360.video import Clip

log = logging.getLogger(__name__)

Content: TypeAlias = "OpenScene | Extension | Unreadable | Trajectory | Clip"
"""Content of a dropped file, or the result of opening it."""


class Parts(Protocol):
    """Parts of the application that files act on."""

    loader: Loader[Content]
    panes: Panes
    messages: MessagePanel

    def open(self, scene: OpenScene, decoder: str) -> None:
        """Show ``scene`` by ``decoder`` from its beginning."""
        ...

    def reopen(self, scene: OpenScene) -> None:
        """Show ``scene``, read again from the file of the open one, at the same frame."""
        ...

    def follow(self, trajectory: Trajectory) -> None:
        """Lead the look and the clip along ``trajectory``."""
        ...


class Arrivals:
    """Dropped files, and the rest of the scene that a run begins with.

    Attributes:
        unreadable: that scene, if reading the rest failed.
    """

    def __init__(self, app: Parts) -> None:
        self._app = app
        self._rest: tuple[Path, Callable[[Path], Content]] | None = None
        self.unreadable: Unreadable | None = None

    def read_on(self, path: Path, rest: Callable[[], Extension]) -> None:
        """Load the rest of the open scene by ``rest`` after the first frame is shown.

        Args:
            path: the scene's file.
        """
        seen = self._app.panes.scene

        def read(path: Path) -> Content:
            try:
                return rest()
            except Exception as error:
                return Unreadable(seen, error)

        self._rest = path, read

    def begin(self) -> None:
        """Start loading the rest of the scene, if any: something is on screen."""
        if self._rest is not None:
            self._app.loader.go_on(*self._rest)
            self._rest = None

    def take(self) -> None:
        """Show the files read since the last call, or say why they cannot be shown."""
        for loaded in self._app.loader.take():
            try:
                self._show(loaded.result())
            except InputError as error:
                self._app.messages.refuse(str(error))
            except Exception as error:
                log.exception("a dropped file cannot be opened")
                self._app.messages.refuse(f"{loaded.name} cannot be opened: {describe(error)}")

    def remark(self, scene: OpenScene) -> None:
        """Show the remark of ``scene``, if it has one."""
        if scene.remark is not None:
            log.info("%s", scene.remark)
            self._app.messages.notify(scene.remark)

    def _show(self, loaded: Content) -> None:
        if isinstance(loaded, Trajectory):
            self._app.follow(loaded)
        elif isinstance(loaded, OpenScene):
            if loaded.file is not None and loaded.file == self._app.panes.scene.file:
                self._app.reopen(loaded)
            else:
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
        """Remove a scene that turned out to be unreadable, and say why."""
        error, self.unreadable = unreadable.error, unreadable
        sentence = str(error)
        if not isinstance(error, InputError):
            log.error("the scene cannot be opened", exc_info=error)
            sentence = f"{unreadable.scene.title} cannot be opened: {describe(error)}"
        if self._app.panes.scene is unreadable.scene:
            self._app.panes.fail(sentence)
        else:
            self._app.messages.refuse(sentence)

    def _show_clip(self, clip: Clip) -> None:
        """Show ``clip``, alone or, after a comparison, beside its scene."""
        scene = self._app.panes.scene
        if scene.sameness is None:
            alone = decode.prepare_clip(clip)
            self._app.open(alone, alone.decoders[0])
        else:
            self._app.loader.go_on(clip.path, lambda path: decode.extend_by_clip(scene, clip))
