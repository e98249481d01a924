"""Shows files when they have been read, or says why they cannot be shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from nerv360.errors import InputError
from nerv360.trajectories import Trajectory
from nerv360.viewer.decode import ORIGINAL, OpenScene
from nerv360.viewer.failures import describe
from nerv360.viewer.opening.file import Content
from nerv360.viewer.opening.loader import Loader
from nerv360.viewer.panels import MessagePanel
from nerv360.viewer.picture import Panes
from nerv360.viewer.sound import Player

if TYPE_CHECKING:
    from nerv360.video import Clip

log = logging.getLogger(__name__)

Show: TypeAlias = Callable[[], None]
"""Shows a file that has been read; main thread only."""


class FileTargets(Protocol):
    """Parts of the application that files act on."""

    panes: Panes
    messages: MessagePanel
    sound: Player

    def open(self, scene: OpenScene, decoder: str) -> None:
        """Show ``scene`` by ``decoder`` from its beginning."""

    def reopen(self, scene: OpenScene) -> None:
        """Show ``scene``, read again from the file of the open one, at the same frame."""

    def follow(self, trajectory: Trajectory) -> None:
        """Lead the look and the clip along ``trajectory``."""


class Arrivals:
    """Files that come to an open window, and the rest of the scene that a run begins with.

    Attributes:
        loader: reads them.
        error: why the rest of that scene cannot be read, or None.
    """

    def __init__(self, app: FileTargets, read: Callable[[Path], Content]) -> None:
        """Act on ``app``; ``read`` reads a file, as `open_file` does."""
        self._app, self._read = app, read
        self._rest: tuple[Path, Callable[[Path], Show]] | None = None
        self.loader: Loader[Show] = Loader(self._load)
        self.error: Exception | None = None

    def read_on(self, rest: Callable[[], OpenScene]) -> None:
        """Load the rest of the open scene by ``rest`` after the first frame is shown."""
        seen = self._app.panes.scene
        assert seen.file is not None, "nothing else has a rest"
        self._rest = seen.file, lambda path: self._load_rest(seen, rest)

    def begin(self) -> None:
        """Start loading the rest of the scene, if any: something is on screen."""
        if self._rest is not None:
            self.loader.go_on(*self._rest)
            self._rest = None

    def take(self) -> None:
        """Show the files read since the last call, or say why they cannot be shown."""
        for loaded in self.loader.take():
            try:
                loaded.result()()
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

    def _load(self, path: Path) -> Show:
        return partial(self._show, self._read(path))

    def _load_rest(self, seen: OpenScene, rest: Callable[[], OpenScene]) -> Show:
        try:
            whole = rest()
        except Exception as error:
            return partial(self._give_up, seen, error)
        return partial(self._extend, seen, whole, whole.decoders)

    def _show(self, content: Content) -> None:
        if isinstance(content, Trajectory):
            self._app.follow(content)
        elif isinstance(content, OpenScene):
            seen = self._app.panes.scene
            if content.file and seen.file and content.file.absolute() == seen.file.absolute():
                self._app.reopen(_with_clip_beside(content, seen))
            else:
                self._app.open(content, content.decoders[0])
        else:
            self._show_clip(content)

    def _show_clip(self, clip: Clip) -> None:
        """Show ``clip``, alone or, after a comparison, beside its scene."""
        from nerv360.viewer.opening.clip import extend_by_clip, prepare_clip  # load torch

        scene = self._app.panes.scene
        if scene.sameness is None:
            self._show(prepare_clip(clip))
        else:
            self.loader.go_on(
                clip.path,
                lambda _: partial(self._extend, scene, extend_by_clip(scene, clip), (ORIGINAL,)),
            )

    def _extend(self, seen: OpenScene, extended: OpenScene, decoders: tuple[str, ...]) -> None:
        """Add ``decoders`` to the scene, if it is still open."""
        if self._app.panes.scene is seen:
            self._app.panes.extend(extended, decoders)
            self._app.sound.open(extended.sound)
            self.remark(extended)

    def _give_up(self, seen: OpenScene, error: Exception) -> None:
        """Remove a scene that turned out to be unreadable, and say why."""
        self.error = error
        sentence = str(error)
        if not isinstance(error, InputError):
            log.error("the scene cannot be opened", exc_info=error)
            sentence = f"{seen.title} cannot be opened: {describe(error)}"
        if self._app.panes.scene is seen:
            self._app.panes.fail(sentence)
        else:
            self._app.messages.refuse(sentence)


def _with_clip_beside(scene: OpenScene, seen: OpenScene) -> OpenScene:
    """Put the clip that is beside ``seen`` beside ``scene``, the same file read again."""
    from nerv360.viewer.opening.clip import put_beside  # loads torch

    if seen.beside is None or scene.sameness is None:
        return scene
    return put_beside(scene, seen.beside, None)
