"""A group of commands that runs its first one if none is named."""

from __future__ import annotations

from typing import Any

from nerv360.viewer.help import PlainGroup


class DefaultGroup(PlainGroup):
    """Group whose first command takes arguments that do not begin with a command's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the first command before arguments that name none."""
        if not args or args[0] not in self.commands:
            args = [next(iter(self.commands)), *args]
        return super().parse_args(ctx, args)
