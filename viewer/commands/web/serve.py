"""``nerv360 serve``: look around in a scene in a browser."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nerv360.progress import stage
from nerv360.viewer import process_end
from nerv360.viewer.commands.options import SceneFile, for_option
from nerv360.viewer.paths import DEMO

if TYPE_CHECKING:
    from nerv360.viewer.sharing import Address

PORT = 8360


def serve(
    scene: SceneFile = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the address; 0 for any free one.")
    ] = PORT,
    host: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Where to listen: this machine only, one of its addresses, or 0.0.0.0 for all. "
            "Beyond this machine only those see the scene who have the printed address.",
        ),
    ] = "127.0.0.1",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Show a scene in a browser, from a server for this machine, until Ctrl-C."""
    from nerv360.viewer.sharing import Address, WebServer, check_host, export_web

    with for_option("--host"):
        check_host(host)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # SIGINT is ignored in a script's background jobs, but only a signal ends a server.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with (
        process_end.at_signals(process_end.interrupt),
        tempfile.TemporaryDirectory(prefix="nerv360-") as parent,
    ):
        folder = Path(parent) / "page"
        with for_option("--port"):
            address = Address(host, port)
        with WebServer(folder, address) as server:
            with stage(f"making a page of {(scene or DEMO).name}"):
                export_web(scene or DEMO, folder)
            _announce(address)
            if _has_screen() and not no_browser:
                webbrowser.open(address.url)
            with process_end.at_signals(lambda number: server.shutdown()):
                server.serve_forever()


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
