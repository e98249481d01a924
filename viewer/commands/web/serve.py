"""``nerv360 serve``: look around in a scene in a browser, on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from nerv360.progress import stage
from nerv360.viewer import process_end
from nerv360.viewer.commands.options import SceneFile, for_option
from nerv360.viewer.paths import DEMO

PORT = 8360


def serve(
    scene: SceneFile = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the address; 0 for any free one.")
    ] = PORT,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Show a scene in a browser, from a server for this machine only, until Ctrl-C."""
    from nerv360.viewer.sharing import WebServer, export_web

    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # SIGINT is ignored in a script's background jobs, but only a signal ends a server.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with (
        process_end.at_signals(process_end.interrupt),
        tempfile.TemporaryDirectory(prefix="nerv360-") as parent,
    ):
        folder = Path(parent) / "page"
        with for_option("--port"):
            server = WebServer(folder, port)
        with server:
            with stage(f"making a page of {(scene or DEMO).name}"):
                export_web(scene or DEMO, folder)
            print(f"{server.url} (Ctrl-C ends it)", flush=True)
            if _has_screen() and not no_browser:
                webbrowser.open(server.url)
            with contextlib.suppress(KeyboardInterrupt):
                server.serve_forever()


def _has_screen() -> bool:
    """Tell whether a browser would have a window; a text browser would take over the terminal."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
