"""The command line: one typer application, the commands of `nerv360.viewer.commands`."""

from __future__ import annotations

import errno
import importlib.metadata
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from nerv360.errors import InputError
from nerv360.progress import listening
from nerv360.text import LONGEST_SENTENCE, EscapingFormatter, escaped, quoted
from nerv360.viewer import process_end
from nerv360.viewer.commands import COMMANDS
from nerv360.viewer.failures import shows_tracebacks, unforeseen_sentence
from nerv360.viewer.help import PlainCommand, PlainGroup, help_text, usage_sentence
from nerv360.viewer.progress import CommandProgress

_SIGNALLED = 128
BROKEN_PIPE = 1
UNFORESEEN = 1
USAGE = 2

app = typer.Typer(
    name="nerv360",
    help="Look around inside a neural 360° video; train, render and evaluate one.",
    cls=PlainGroup,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in COMMANDS:
    if isinstance(_command, typer.Typer):
        app.add_typer(_command)
    else:
        app.command(cls=PlainCommand, help=help_text(_command))(_command)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"nerv360 {importlib.metadata.version('nerv360')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def program() -> NoReturn:
    """Run the process's own command line and end the process with its exit code.

    If a thread is still in native code, the process ends without Python's own shutdown, which
    could crash in that thread.
    """
    try:
        code = main()
    except BaseException:
        if process_end.needs_leaving():
            traceback.print_exc()
            process_end.leave(1)
        raise
    if process_end.needs_leaving():
        process_end.leave(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (by default the process's own) and return its exit code.

    Every error is one line on stderr. The code is 2 for bad input and bad usage, and 1 for an
    unexpected error, whose line names the file with the traceback. Ctrl-C, SIGTERM and SIGHUP end
    a command with code 130, 143 or 129 and leave no half-written file.
    """
    ended: list[int] = []

    def end(number: int) -> NoReturn:
        ended.append(number)
        raise KeyboardInterrupt

    log = logging.StreamHandler()
    log.setFormatter(EscapingFormatter("nerv360: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[log])
    with process_end.at_signals(end):
        code = _run(argv)
    if code == process_end.INTERRUPTED and ended:  # typer makes 130 of every interrupt
        code = _SIGNALLED + ended[0]
    return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        with CommandProgress() as progress, listening(progress):
            given = sys.argv[1:] if argv is None else list(argv)
            code = app(args=given, obj=given, prog_name="nerv360", standalone_mode=False)
        sys.stdout.flush()
    except InputError as error:
        return _refuse(str(error), USAGE)
    except typer.TyperException as error:
        return _refuse(usage_sentence(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return process_end.INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except SystemExit as exit_:  # typer's own answer to a pipe that closed early
        return _closed_pipe() if exit_.code == BROKEN_PIPE else _exit_code(exit_.code)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            return _refuse(f"{quoted(error.filename)} is longer than the name of any file", USAGE)
        if shows_tracebacks():
            raise
        return _refuse(unforeseen_sentence(error), UNFORESEEN)
    return _exit_code(code)


def _exit_code(code: object) -> int:
    return code if isinstance(code, int) else 0


def _refuse(sentence: str, code: int) -> int:
    """Print ``sentence`` as one line, escaped like all text that a file or a name brings."""
    print(f"nerv360: {escaped(sentence, LONGEST_SENTENCE)}", file=sys.stderr)
    return code


def _closed_pipe() -> int:
    """Redirect stdout so that Python does not complain again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
