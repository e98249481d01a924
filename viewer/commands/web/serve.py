"""``nerv360 serve``: look around in a scene in a browser."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nerv360.errors import InputError
from nerv360.progress import stage
from nerv360.viewer import process_end
from nerv360.viewer.commands.options import Device, EngineName, SceneFile, for_option
from nerv360.viewer.paths import DEMO

if TYPE_CHECKING:
    from nerv360.viewer.sharing import Address, Live

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
    scene: SceneFile = None,
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
    """Show a scene in a browser, from a server for this machine, until Ctrl-C."""
    from nerv360.viewer.sharing import PLACES, Address, WebServer, check_host, export_web

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
        live = description = None
        if decode != "browser":
            live, description = _live(path, decode, device, engine, visitors)
            stack.callback(live.decoding.stop)
        with stage(f"making a page of {path.name}"):
            export_web(path, folder, description)
        server = stack.enter_context(WebServer(folder, address, live))
        _announce(address)
        if _has_screen() and not no_browser:
            webbrowser.open(address.url)
        with process_end.at_signals(lambda number: server.shutdown()):
            server.serve_forever()


def _live(
    path: Path, prefers: str, device: str, engine: str, visitors: int
) -> tuple[Live, dict[str, Any]]:
    """Return what decodes here, and its description for the page."""
    from nerv360.decoding import check_engine
    from nerv360.scene import read_scene
    from nerv360.viewer.opening import DeviceChoice, prepare_scene
    from nerv360.viewer.sharing import Live, SharedDecoding, live_description

    scene = read_scene(path)
    choice = DeviceChoice(device)
    with for_option("--device"):
        chosen = choice.device
    with for_option("--engine"):
        for decoder in scene.decoders.values():
            check_engine(engine, decoder.config, chosen)
    with path.open("rb") as file:
        scene_id = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    opened = prepare_scene(scene, path, choice, engine)
    description = live_description(scene, scene_id, prefers, chosen.type != "cpu")
    return Live(SharedDecoding(opened), scene_id, visitors), description


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
