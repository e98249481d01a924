"""``nerv360 export-web``: a scene as a folder of static files that any web server serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nerv360.text import escaped
from nerv360.viewer import process_end
from nerv360.viewer.commands.options import SceneFile, for_option
from nerv360.viewer.paths import DEMO


def export_web(
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER",
            help="A new or empty folder, or an earlier export, which is replaced.",
        ),
    ],
    scene: SceneFile = None,
) -> None:
    """Write a scene as a web page: static files, decoded by WebGL 2, that any server serves."""
    from nerv360.viewer import sharing

    named = output.name not in ("", "..")
    folder = output.parent.resolve() / output.name if named else output.resolve()
    with for_option("-o"):
        sharing.check_folder(folder)
    with process_end.at_signals(process_end.interrupt):  # so that nothing is left half-written
        size = sharing.export_web(scene or DEMO, folder)
    print(escaped(f"{output}: {size / 2**20:.2f} MiB, its page is index.html"))
