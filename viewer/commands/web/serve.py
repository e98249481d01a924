"""``nerv360 serve``: look around in a scene in a browser."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.errors import InputError
from nerv360.progress import stage
from nerv360.viewer import process_end
from nerv360.viewer.commands.options import (
    SCENE_OR_CLIP,
    Device,
    EngineName,
    SceneOrClip,
    clip_option,
    for_option,
    say_notes,
)
from nerv360.viewer.paths import DEMO

if TYPE_CHECKING:
    from nerv360.viewer.decode import OpenScene
    from nerv360.viewer.sharing import Address, Live, SceneFiles

Host = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Where to listen: this machine only, one of its addresses, or 0.0.0.0 for all. "
        "Beyond this machine only those see the scene who have the printed address.",
    ),
]
Decode = Annotated[
    str,
    typer.Option(
        metavar="PLACE",
        help="Where pictures are decoded at first: here, on this machine; browser; or auto, "
        "here if there is a GPU or the browser is slow. The page has a switch.",
    ),
]
PORT = 8360
VISITORS = 8


def serve(
    scene: SceneOrClip = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the address; 0 for any free one.")
    ] = PORT,
    host: Host = "127.0.0.1",
    decode: Decode = "auto",
    visitors: Annotated[
        int, typer.Option(min=1, max=200, help="Most pages that are decoded for at a time.")
    ] = VISITORS,
    device: Device = "auto",
    engine: EngineName = "auto",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Show a scene or clip in a browser, from a server for this machine, until Ctrl-C."""
    from nerv360.viewer.sharing import PLACES, Address, WebServer, check_host

    if decode not in PLACES:
        raise InputError(f"--decode {decode}: give {', '.join(PLACES[:-1])} or {PLACES[-1]}")
    with for_option("--host"):
        check_host(host)
    path = scene or DEMO
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # SIGINT is ignored in a script's background jobs, but only a signal ends a server.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with (
        process_end.at_signals(process_end.interrupt),
        tempfile.TemporaryDirectory(prefix="nerv360-") as parent,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(parent) / "page"
        with for_option("--port"):
            address = Address(host, port)
        stack.callback(address.socket.close)
        live, files = _page(path, folder, _Decoding(decode, device, engine, visitors))
        if live is not None:
            stack.callback(live.decoding.stop)
        server = stack.enter_context(WebServer(folder, address, live, files))
        _announce(address)
        if _has_screen() and not no_browser:
            webbrowser.open(address.url)
        with process_end.at_signals(lambda number: server.shutdown()):
            server.serve_forever()


@dataclass(frozen=True)
class _Decoding:
    """Options of where and how pictures are decoded."""

    place: str
    device: str
    engine: str
    visitors: int


def _page(path: Path, folder: Path, options: _Decoding) -> tuple[Live | None, SceneFiles | None]:
    """Write the page of a scene or clip; return what decodes here and makes its files, if any."""
    from nerv360.viewer.opening import is_scene
    from nerv360.viewer.sharing import Live, SceneFiles, SharedDecoding, export_web, id_of

    files = SceneFiles(path, quick=True) if is_scene(path) else None
    if files is None:
        opened = _clip_page(path, folder, options)
    elif options.place == "browser":
        _refuse_ignored(options)
        files.check_drawn()
        export_web(path, folder, served=True)
        return None, files
    else:
        opened = _scene_page(path, folder, options)
    return Live(SharedDecoding(opened), id_of(path), options.visitors), files


def _refuse_ignored(options: _Decoding) -> None:
    """Raise InputError if the browser decodes and options say how to decode here."""
    choices = {"--engine": options.engine, "--device": options.device}
    if given := [name for name, value in choices.items() if value != "auto"]:
        raise InputError(
            f"--decode browser: {' and '.join(given)} are of use only if this machine decodes; "
            "leave them out or give --decode here"
        )


def _scene_page(path: Path, folder: Path, options: _Decoding) -> OpenScene:
    from nerv360.decoding import check_engine
    from nerv360.scene import read_scene
    from nerv360.viewer.opening import DeviceChoice
    from nerv360.viewer.sharing import scene_page

    scene = read_scene(path, chapter=0)
    choice = DeviceChoice(options.device)
    with for_option("--device"):
        chosen = choice.device
    with for_option("--engine"):
        for decoder in scene.decoders.values():
            check_engine(options.engine, decoder.config, chosen)
    with stage(f"making a page of {path.name}"):
        return scene_page(scene, path, folder, options.place, choice, options.engine)


def _clip_page(path: Path, folder: Path, options: _Decoding) -> OpenScene:
    from nerv360.viewer.sharing import clip_page

    if options.place == "browser":
        raise InputError("--decode browser: a clip is decoded by its codec, here")
    if options.engine != "auto":
        raise InputError(f"--engine: a clip is decoded by its codec, not by {options.engine}")
    if options.device != "auto":
        raise InputError(f"--device: a clip is decoded by its codec, not on {options.device}")
    clip = clip_option(path, wanted=SCENE_OR_CLIP)
    say_notes(clip)
    return clip_page(clip, folder)


def _announce(address: Address) -> None:
    print(f"{address.url} (Ctrl-C ends it)", flush=True)
    if address.token is not None:
        print(
            "nerv360: other machines can reach this server, unencrypted; whoever has the address "
            "sees the scene",
            file=sys.stderr,
        )


def _has_screen() -> bool:
    """Tell whether a browser would have a window; a text browser would take over the terminal."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
