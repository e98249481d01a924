"""Pages in a notebook, decoded by the notebook's own process."""

from __future__ import annotations

import atexit
import html
import tempfile
import threading
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Self

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.scene import Scene, read_scene, write_scene
from nerv360.video import Clip, open_clip
from nerv360.viewer.decode import OpenScene
from nerv360.viewer.input import view_fragment
from nerv360.viewer.opening import DeviceChoice, is_scene
from nerv360.viewer.sharing.address import ADDRESS, Address
from nerv360.viewer.sharing.live import Live
from nerv360.viewer.sharing.pages import clip_page, id_of, scene_page
from nerv360.viewer.sharing.scene_files import SceneFiles
from nerv360.viewer.sharing.server import WebServer
from nerv360.viewer.sharing.shared_decoding import SharedDecoding

_VISITORS = 8
_END_S = 10.0
_ALLOWED = "fullscreen; autoplay; xr-spatial-tracking; accelerometer; gyroscope"


class ShownPage:
    """A page that this process serves until it ends, or until `close`.

    A notebook displays it if it ends a cell. As a context manager it closes itself.

    Attributes:
        url: its address, with a token.
        height: of its frame in a notebook, in pixels.
    """

    def __init__(self, url: str, height: int, stack: ExitStack) -> None:
        """Keep what `show` has started.

        Args:
            stack: closed together with the page.
        """
        self.url = url
        self.height = height
        self._stack = stack
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<page {self.url}>"

    def _repr_html_(self) -> str:
        """Return a frame with the page."""
        return (
            f'<iframe src="{html.escape(self.url)}" title="nerv360" allow="{_ALLOWED}" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )

    def close(self) -> None:
        """Stop serving, and free the memory of its decoders."""
        atexit.unregister(self.close)
        self._stack.close()


def show(
    scene: str | PathLike[str] | Scene | Clip,
    look: Look | None = None,
    *,
    decoder: str | None = None,
    frame: int | None = None,
    device: str = "auto",
    engine: str = "auto",
    height: int = 480,
    port: int = 0,
) -> ShownPage:
    """Show a scene or clip on a page of this machine, decoded by this process.

    Args:
        scene: a scene, a clip, or the path of either.
        look: to begin with.
        decoder: name of the decoder to begin with; the first one if None.
        frame: index of the frame to pause at; the clip plays if None.
        device: decodes, as in `open_engine`.
        engine: its kind, as in `open_engine`.
        height: of its frame in a notebook, in pixels.
        port: of its address; 0 for any free one.

    Raises:
        InputError: it cannot be opened, or has no such decoder or frame, or the port is taken.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nerv360-")))
        opened = _opened(scene, folder, DeviceChoice(device), engine)
        fragment = _fragment(opened, look, decoder, frame)
        address = Address(ADDRESS, port, secret=True)
        stack.callback(address.socket.close)
        decoding = SharedDecoding(opened)
        stack.callback(decoding.stop, _END_S)
        file = opened.file
        assert file is not None
        live = Live(decoding, id_of(file), _VISITORS)
        files = SceneFiles(file, quick=True) if is_scene(file) else None
        server = WebServer(folder / "page", address, live, files, framed=True)
        serving = threading.Thread(target=server.serve_forever, name="serve", daemon=True)
        serving.start()
        stack.callback(serving.join, _END_S)
        stack.callback(server.shutdown)
        return ShownPage(address.url + fragment, height, stack.pop_all())


def _opened(
    given: str | PathLike[str] | Scene | Clip, folder: Path, choice: DeviceChoice, engine: str
) -> OpenScene:
    """Write the page to a folder in ``folder``, and return what its server decodes."""
    page = folder / "page"
    if isinstance(given, Clip):
        return clip_page(given, page)
    if isinstance(given, Scene):
        path = folder / "scene.safetensors"
        write_scene(path, given)
    else:
        path = Path(given)
        if not is_scene(path):
            return clip_page(open_clip(path), page)
    return scene_page(read_scene(path, chapter=0), path, page, "here", choice, engine)


def _fragment(opened: OpenScene, look: Look | None, decoder: str | None, frame: int | None) -> str:
    """Return the end of the address that names where to begin."""
    if decoder is not None and decoder not in opened.decoders:
        known = ", ".join(opened.decoders)
        raise InputError(f"{opened.title} has no decoder {decoder}, only {known}")
    if frame is not None and not 0 <= frame < opened.frames:
        raise InputError(f"{opened.title} has frames 0 to {opened.frames - 1}, not {frame}")
    return view_fragment(look or Look(), frame, decoder)
