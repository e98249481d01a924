"""The group of ``bench``, which knows how its commands were called before they had names."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from nerv360.errors import InputError
from nerv360.viewer.help import PlainGroup

_TABLES = {"1": "paper-table-1", "2": "paper-table-2", "3": "rates", "4": "sizes"}


class BenchGroup(PlainGroup):
    """Group that answers a former spelling with today's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse arguments that begin with a command's name.

        Raises:
            InputError: they are a former spelling; the sentence has today's.
        """
        today = _today(args)
        if today is not None and args[0] not in self.commands:
            raise InputError(f"bench has commands now: write nerv360 bench {shlex.join(today)}")
        return super().parse_args(ctx, args)


def _today(args: list[str]) -> list[str] | None:
    """Return today's spelling of a former one, otherwise None."""
    words = [word for arg in args for word in arg.split("=", 1)]
    if "--table" in words:
        place = words.index("--table")
        name = _TABLES.get("".join(words[place + 1 : place + 2]), "COMMAND")
        return [name, *words[:place], *words[place + 2 :]]
    first = args[0] if args else "--help"
    if first in ("-h", "--help") or not (first.startswith("-") or Path(first).exists()):
        return None
    return ["engines", *args]
