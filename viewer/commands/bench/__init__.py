"""``nerv360 bench``: a command for each measurement."""

from __future__ import annotations

import typer

from nerv360.viewer.commands.bench.engines import engines
from nerv360.viewer.commands.bench.former import BenchGroup
from nerv360.viewer.commands.bench.gpu import gpu
from nerv360.viewer.commands.bench.paper_table_1 import paper_table_1
from nerv360.viewer.commands.bench.paper_table_2 import paper_table_2
from nerv360.viewer.commands.bench.rates import rates
from nerv360.viewer.commands.bench.sizes import sizes
from nerv360.viewer.help import PlainCommand, help_text

bench = typer.Typer(
    name="bench",
    help="Measure a scene's engines, the paper's tables, rates, sizes, or a GPU.",
    cls=BenchGroup,
)
for _command in (engines, paper_table_1, paper_table_2, rates, sizes, gpu):
    bench.command(cls=PlainCommand, help=help_text(_command))(_command)


@bench.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


__all__ = ["bench"]
