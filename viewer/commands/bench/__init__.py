"""``nerv360 bench``: measures a scene by default, and other things by name."""

from __future__ import annotations

import typer

from nerv360.viewer.commands.bench.gpu import gpu
from nerv360.viewer.commands.bench.group import DefaultGroup
from nerv360.viewer.commands.bench.scene import scene
from nerv360.viewer.help import PlainCommand, help_text

bench = typer.Typer(
    name="bench",
    help="Measure a scene's engines, the paper's tables, or a GPU in ten minutes.",
    cls=DefaultGroup,
)
"""Commands; the first one runs if none is named."""
for _command in (scene, gpu):
    bench.command(cls=PlainCommand, help=help_text(_command))(_command)

__all__ = ["bench"]
