"""Help pages that name values as people write them: PATH, N, TEXT."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.exceptions import TyperException

from nerv360.progress import stage

_SPEAK_FOR_THEMSELVES = ("view", "serve")
"""Commands that show a start by themselves: by a window or a printed address."""

_VALUE_NAMES: dict[Any, str] = {Path: "PATH", int: "N", float: "X", str: "TEXT"}


class PlainCommand(TyperCommand):
    """A command that names values plainly and reports at once that it has started."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        if self.name in _SPEAK_FOR_THEMSELVES:
            return super().invoke(ctx)
        with stage(str(ctx.command_path).removeprefix("nerv360 ")):
            return super().invoke(ctx)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, each with the name of its value."""
        return _named(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """A group of commands that names values plainly."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, each with the name of its value."""
        return _named(super().get_params(ctx))


def help_text(command: Callable[..., Any]) -> str:
    """Return a command's docstring, each paragraph on one line for the terminal to wrap."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def usage_sentence(error: TyperException) -> str:
    """Describe the error in a command line, with the nearest option if one was misspelt."""
    wrong, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if getattr(error, "possibilities", None) is None or context is None:
        return error.format_message()
    known = [name for param in context.command.get_params(context) for name in param.opts]
    near = difflib.get_close_matches(wrong, known, n=1)
    return f"No such option: {wrong}." + (f" Did you mean {near[0]}?" if near else "")


def _named(params: list[Any]) -> list[Any]:
    for param in params:
        if param.metavar is None:
            param.metavar = _value_name(param)
        if isinstance(param, TyperArgument):
            # Its name says what it is; typer would add the type of Python.
            vars(param)["display_type_rich"] = lambda ctx: None
    return params


def _value_name(param: TyperArgument | TyperOption) -> str:
    if isinstance(param, TyperArgument):
        return str(param.name).upper()
    if param.is_flag:
        return ""
    kind: Any = param.type_descriptor.annotation
    kind = (get_args(kind) or (kind,))[0]
    return _VALUE_NAMES.get(kind, "VALUE")
